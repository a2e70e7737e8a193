"""Reads lines of JSON a block at a time with orjson, as far as it certainly reads what the strict parser would.

What was read is written again; only when that gives the same bytes it is taken, since then it is what the strict parser
reads too, whatever orjson lets pass. So this is for lines of one form: the same keys in the same order with the same
spaces between them, and texts, whole numbers and nulls as values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    import pyarrow as pa

_SEPARATORS: Final = ((", ", ": "), (",", ":"))
_PLAIN: Final = frozenset((str, int, type(None)))


class LineTables:
    """Lines of the form of an example.

    Args:
        values: What the example holds.
        line: The example.
    """

    def __init__(self, values: Mapping[str, Any], line: bytes) -> None:
        self._names = list(values)
        self._separators = next((one for one in _SEPARATORS if _written(values, one) == line), None)
        if not values or not _are_plain(values.values()):
            self._separators = None

    @property
    def active(self) -> bool:
        """Whether lines like the example can be read together."""
        return self._separators is not None

    def table(self, block: bytes) -> pa.Table | None:
        """The lines as a table; None when they have to be read one by one.

        Args:
            block: Whole lines.
        """
        import pyarrow as pa

        try:
            found = orjson.loads(b"[" + block[:-1].replace(b"\n", b",") + b"]")
            columns = [[one[name] for one in found] for name in self._names]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None
        if not all(map(_are_plain, columns)) or self._again(columns) != block:
            return None
        try:
            return pa.table(dict(zip(self._names, columns, strict=True)))
        except (pa.ArrowException, OverflowError):  # values of several types, or large numbers
            return None

    def _again(self, columns: Sequence[Sequence[Any]]) -> bytes:
        """The lines in the form of the example."""
        assert self._separators
        parts: list[Any] = []
        item, key = self._separators
        for name, column in zip(self._names, columns, strict=True):
            begin = f"{item if parts else '{'}{json.dumps(name, ensure_ascii=False)}{key}"
            parts += [repeat(begin.encode()), map(orjson.dumps, column)]
        # strict=False: what repeats has no end.
        return b"".join(chain.from_iterable(zip(*parts, repeat(b"}\n"), strict=False)))


def _are_plain(values: Any) -> bool:
    return set(map(type, values)) <= _PLAIN


def _written(values: Mapping[str, Any], separators: tuple[str, str]) -> bytes:
    return (json.dumps(values, ensure_ascii=False, separators=separators) + "\n").encode("utf-8", "surrogatepass")
