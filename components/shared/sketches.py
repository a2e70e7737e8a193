"""A small sample of a dataset's rows that can be compared with that of another one, as each keeps the same texts.

It holds the texts with the smallest hashes (bottom-k), each with its split and label. Two such samples agree on
which texts they would hold, so shares of new, gone, moved and relabelled rows follow from them: exactly as long as
all rows fit in, within some percent beyond.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any, Final

SAMPLE_ROWS: Final = 1024
Place = tuple[str, str]
"""Split and label of a row."""


class Sketch:
    """Takes rows one by one and keeps those with the smallest hashes."""

    def __init__(self, size: int = SAMPLE_ROWS) -> None:
        self.size = size
        self._places: dict[bytes, Place] = {}
        self._largest: list[tuple[int, bytes]] = []

    def add(self, key: bytes, split: str, label: str) -> None:
        """Takes a row: the hash of its text, and where it is; of equal texts the first one counts."""
        if key in self._places or (len(self._largest) == self.size and -self._largest[0][0] < _number(key)):
            return
        heapq.heappush(self._largest, (-_number(key), key))
        self._places[key] = (split, label)
        if len(self._largest) > self.size:
            del self._places[heapq.heappop(self._largest)[1]]

    @property
    def limit(self) -> int:
        """The largest first 64 bits of a hash that may still be taken."""
        return -self._largest[0][0] >> 64 if len(self._largest) == self.size else (1 << 64) - 1

    def to_json(self) -> dict[str, Any]:
        """The sample, in the order of the hashes."""
        rows = {key.hex(): list(self._places[key]) for key in sorted(self._places)}
        return {"size": self.size, "rows": rows}


def compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What two samples say of the rows of their datasets.

    Returns:
        `sampled` texts, whether that is all of them (`exact`), and how many of them are `added`, `removed`, `moved`
        to another split and `relabelled`.
    """
    whole = all(len(sample["rows"]) < sample["size"] for sample in (old, new))
    limits = [max(sample["rows"]) for sample in (old, new) if len(sample["rows"]) >= sample["size"]]
    before, after = (
        {key: tuple(place) for key, place in sample["rows"].items() if not limits or key <= min(limits)}
        for sample in (old, new)
    )
    common = before.keys() & after.keys()
    return {
        "sampled": len(before.keys() | after.keys()),
        "exact": whole,
        "added": len(after.keys() - before.keys()),
        "removed": len(before.keys() - after.keys()),
        "moved": sum(before[key][0] != after[key][0] for key in common),
        "relabelled": sum(before[key][1] != after[key][1] for key in common),
    }


def _number(key: bytes) -> int:
    return int.from_bytes(key, "big")
