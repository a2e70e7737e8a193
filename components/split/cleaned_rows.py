"""The rows that are split, with the hashes of their texts: those that `clean` computed, where it left them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components.shared.canonical import sizes_of
from components.shared.datasets import ALL, Dataset
from components.shared.kept_texts import read_kept_texts
from components.shared.records import text_key
from components.shared.texts import compared_text

if TYPE_CHECKING:
    import pyarrow as pa

_DECIDING: Final = ("label", "labels", "meta")
"""Columns that a split may depend on besides the text."""


class CleanedRows(Dataset):
    """The cleaned dataset.

    Args:
        directory: Its directory.
        findings: The findings of `clean`; without what it knows of the texts, they are read and hashed.
    """

    def __init__(self, directory: Path, findings: Path) -> None:
        super().__init__(directory)
        self._texts = read_kept_texts(findings, self.manifest.rows(ALL))

    def keyed(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Each row with the hash of its text; the text itself is only there when it had to be read."""
        if self._texts is None:
            yield from ((row, text_key(compared_text(row))) for row in self.rows())
            return
        tables = self.tables(columns=["id", *(name for name in _DECIDING if name in self.columns)])
        rows = chain.from_iterable(table.to_pylist() for table in tables)
        yield from zip(rows, self._texts["key"].to_pylist(), strict=True)

    def sizes(self, begin: int, table: pa.Table) -> Sequence[int] | None:
        """Bytes of rows in canonical form, the first of which has the number `begin`; None where it is not known."""
        if self._texts is None:
            return sizes_of(table, self.columns)
        known: list[int] = self._texts["size"].slice(begin, len(table)).to_pylist()
        return known
