"""The train set with repeated rows and variants; each says in its meta columns what it was made of.

origin         id of the row it was made of; empty for a row of the source
augmentation   how it was made: `copy`, or an operation of `variants`; empty for a row of the source

Nothing is made of rows of other splits, and a variant with the words of a text of another split is thrown away.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.manifest import Columns
from components.shared.records import text_key
from components.shared.texts import compared_text
from components.split.config import Config
from components.split.variants import Variants

ORIGIN: Final = "origin"
AUGMENTATION: Final = "augmentation"
COPY: Final = "copy"
_SHOWN: Final = 3
_WORDS: Final = re.compile(r"\w+")
Row = Mapping[str, Any]


class Enlarger:
    """Makes further train rows.

    Args:
        config: The configuration.
        repeats: How often rows are repeated for the balance of labels.
        protected: Hashes of the words of the other splits' texts (see `words_key`).

    Attributes:
        examples: For each way, the first texts and what was made of them.
    """

    def __init__(self, config: Config, repeats: Mapping[int, int], protected: Collection[bytes]) -> None:
        self.repeats, self.protected = repeats, protected
        self.variants = Variants(config) if config.augment else None
        self.copies = config.augment_copies if config.augment else 0
        self.active = bool(config.augment) or config.balance == "oversample"
        self.examples: dict[str, list[tuple[str, str]]] = {}

    def columns(self, columns: Columns) -> Columns:
        """The schema with the columns that tell of origins.

        Raises:
            UserError: if there are columns of these names already.
        """
        if not self.active:
            return columns
        meta = columns.get("meta") or {}
        for name in (ORIGIN, AUGMENTATION):
            if name in meta:
                raise UserError(
                    f"the rows have a meta column {name!r}, which augmentation needs",
                    where="ingest.meta_columns",
                    remedy="leave it out, or do not balance or augment",
                )
        return {**columns, "meta": dict(sorted({**meta, ORIGIN: "string", AUGMENTATION: "string"}.items()))}

    def source_row(self, row: Row) -> Row:
        """A row of the source, in the schema of `columns`."""
        return _with_origin(row, "", "") if self.active else row

    def made_of(self, row: Row, row_id: str, number: int, key: bytes) -> Iterator[Row]:
        """What is made of a train row.

        Args:
            row: The row.
            row_id: Its id.
            number: Its number in the source.
            key: The hash of its text.
        """
        seen, repeats = {words_key(compared_text(row))}, self.repeats.get(number, 0)
        for copy in range((1 + repeats) * (1 + self.copies) - 1):
            found = self.variants.of(row, key, copy) if self.variants else None
            made, operation = found or (row, COPY)
            made_key = words_key(compared_text(made))
            if made_key not in self.protected and made_key not in seen:
                seen.add(made_key)
                self._show(operation, row, made)
                yield _with_origin(made, row_id, operation)
            elif repeats:
                yield _with_origin(row, row_id, COPY)  # the balance needs as many rows

    def _show(self, operation: str, row: Row, made: Row) -> None:
        if operation != COPY and len(shown := self.examples.setdefault(operation, [])) < _SHOWN:
            shown.append((compared_text(row), compared_text(made)))


def words_key(text: str) -> bytes:
    """Equal for texts that differ in case, white space and punctuation only: `clean` would keep one of them."""
    return text_key("".join(_WORDS.findall(text)) or text)


def source_of(row: Row, columns: Columns) -> dict[str, Any]:
    """A written row in the schema of the source, without what tells of origins."""
    there = {name: row[name] for name in columns}
    if "meta" in there:
        there["meta"] = {name: row["meta"][name] for name in columns["meta"]}
    return there


def way_of(row: Row) -> str:
    """How a written row was made; empty for one of the source."""
    return str((row.get("meta") or {}).get(AUGMENTATION, ""))


def _with_origin(row: Row, origin: str, augmentation: str) -> dict[str, Any]:
    return {**row, "meta": {**(row.get("meta") or {}), ORIGIN: origin, AUGMENTATION: augmentation}}
