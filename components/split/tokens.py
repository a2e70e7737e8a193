"""How many tokens the texts of each split have for a given tokenizer: for the report and statistics.json."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from components.shared.errors import UserError
from components.shared.references import is_local, local_path
from components.shared.vocabulary import FILE
from components.split.statistics import value_at

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_AT_ONCE: Final = 256
_WHERE: Final = "split.tokenizer"


class TokenCounter:
    """Counts tokens, those that a model marks the ends with among them.

    Args:
        address: The tokenizer: a `tokenizer.json`, or a directory that holds one; a path or package:// address.
        most: Tokens beyond which training cuts a text.
    """

    def __init__(self, address: str, most: int) -> None:
        self.most = most
        self._tokenizer, self._unknown = _opened(address)
        self._waiting: dict[str, list[str]] = {}
        self._lengths: dict[str, Counter[int]] = {}
        self._unknowns: dict[str, int] = {}

    def add(self, split: str, text: str) -> None:
        """Counts a text."""
        waiting = self._waiting.setdefault(split, [])
        waiting.append(text)
        if len(waiting) == _AT_ONCE:
            self._count(split)

    def summary(self) -> dict[str, dict[str, Any]]:
        """The numbers of each split: tokens, shares of cut texts and of unknown tokens."""
        for split in self._waiting:
            self._count(split)
        return {split: self._of_split(split) for split in self._lengths}

    def _count(self, split: str) -> None:
        texts, self._waiting[split] = self._waiting[split], []
        lengths = self._lengths.setdefault(split, Counter())
        for encoding in self._tokenizer.encode_batch(texts):
            lengths[len(encoding.ids)] += 1
            self._unknowns[split] = self._unknowns.get(split, 0) + encoding.ids.count(self._unknown)

    def _of_split(self, split: str) -> dict[str, Any]:
        lengths = self._lengths[split]
        rows, total = lengths.total(), sum(length * count for length, count in lengths.items())
        return {
            "tokens": total,
            "median": value_at(lengths, rows // 2),
            "p95": value_at(lengths, int(0.95 * (rows - 1))),
            "longest": max(lengths),
            "cut_share": sum(count for length, count in lengths.items() if length > self.most) / rows,
            "lost_share": sum(max(length - self.most, 0) * count for length, count in lengths.items()) / max(total, 1),
            "unknown_share": self._unknowns[split] / max(total, 1),
        }


def _opened(address: str) -> tuple[Tokenizer, int]:
    """The tokenizer, which neither cuts nor pads, and its token for what it does not know; -1 if it has none."""
    from tokenizers import Tokenizer

    if not is_local(address):
        raise UserError(
            f"{address!r} is not on this machine", where=_WHERE, remedy="give a path or a package:// address"
        )
    path = local_path(address, _WHERE)
    path = path / FILE if path.is_dir() else path
    try:
        tokenizer = Tokenizer.from_file(str(path))
        model = json.loads(path.read_bytes())["model"]
    except Exception as error:  # the library raises nothing more precise
        raise UserError(
            f"no tokenizer can be read ({error})", where=str(path), remedy=f"give a {FILE} or its directory"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    unknown = tokenizer.token_to_id(model["unk_token"]) if model.get("unk_token") else model.get("unk_id")
    return tokenizer, -1 if unknown is None else int(unknown)
