"""Lines that stand in many texts: menus, footers, signatures.

They are counted in a pass over all texts before any is changed, shard by shard (see `line_counting`); some 20 bytes are
held for each different line of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

Hashes = npt.NDArray[np.uint64]
LEAST_LETTERS: Final = 10
"""Shorter lines are no boilerplate: `Great!` may open many reviews."""
LINES_FILE: Final = "lines"
_BATCH: Final = 1 << 20
_COUNTED: Final = np.dtype([("line", np.uint64), ("texts", np.uint32)])
Counted = npt.NDArray[np.void]
"""Hashes of lines, ascending, and the number of texts in which each stands."""


class LineCounts:
    """In how many texts each line stands."""

    def __init__(self) -> None:
        self._counted: Counted = np.empty(0, _COUNTED)
        self._waiting: list[Counted] = []

    def add(self, counted: Counted) -> None:
        """Adds the counts of other texts; they wait until there are many, since adding them up touches all."""
        self._waiting.append(counted)
        if sum(map(len, self._waiting)) >= max(_BATCH, len(self._counted) // 2):
            self._counted = self.all()
            self._waiting = []

    def all(self) -> Counted:
        """All counts, added up."""
        together = np.concatenate([self._counted, *self._waiting])
        lines, places = np.unique(together["line"], return_inverse=True)
        counted = np.empty(len(lines), _COUNTED)
        counted["line"], counted["texts"] = lines, np.bincount(places, together["texts"], len(lines))
        return counted

    def repeated(self, least: int) -> frozenset[int]:
        """Hashes of the lines that stand in at least so many texts."""
        counted = self.all()
        return frozenset(counted["line"][counted["texts"] >= least].tolist())


def count_lines(texts: Iterable[str]) -> LineCounts:
    """The counts over all texts; a line that a text has twice is counted once."""
    counts, waiting = LineCounts(), list[int]()
    for text in texts:
        waiting += {_hash(line) for line in text.split("\n") if len(line.strip()) >= LEAST_LETTERS}
        if len(waiting) >= _BATCH:
            counts.add(_ones(waiting))
            waiting = []
    counts.add(_ones(waiting))
    return counts


def write_counts(counts: LineCounts, directory: Path) -> None:
    """Writes counts to a file."""
    counts.all().tofile(directory / LINES_FILE)


def read_counts(directory: Path) -> Counted:
    """Counts that were written."""
    return np.fromfile(directory / LINES_FILE, _COUNTED)


def without_lines(text: str, repeated: frozenset[int]) -> str:
    """The text without the repeated lines."""
    lines = text.split("\n")
    kept = [line for line in lines if len(line.strip()) < LEAST_LETTERS or _hash(line) not in repeated]
    return text if len(kept) == len(lines) else "\n".join(kept).strip()


def _ones(lines: list[int]) -> Counted:
    counted = np.ones(len(lines), _COUNTED)
    counted["line"] = lines
    return counted


def _hash(line: str) -> int:
    return xxhash.xxh3_64_intdigest(" ".join(line.casefold().split()).encode("utf-8", "replace"))
