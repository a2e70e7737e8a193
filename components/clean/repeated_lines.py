"""Lines that stand in many texts: menus, footers, signatures.

They are counted in a pass over all texts before any is changed; 12 bytes are held for each different line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

Hashes = npt.NDArray[np.uint64]
LEAST_LETTERS: Final = 10
"""Shorter lines are no boilerplate: `Great!` may open many reviews."""
_BATCH: Final = 1 << 20


class LineCounts:
    """In how many texts each line stands."""

    def __init__(self) -> None:
        self._lines: Hashes = np.empty(0, np.uint64)
        self._texts = np.empty(0, np.uint32)
        self._waiting: list[int] = []

    def add(self, text: str) -> None:
        """Counts the lines of a text, each once."""
        self._waiting += {_hash(line) for line in text.split("\n") if len(line.strip()) >= LEAST_LETTERS}
        if len(self._waiting) >= _BATCH:
            self._merge()

    def repeated(self, least: int) -> frozenset[int]:
        """Hashes of the lines that stand in at least so many texts."""
        self._merge()
        return frozenset(self._lines[self._texts >= least].tolist())

    def _merge(self) -> None:
        lines, counts = np.unique(np.array(self._waiting, np.uint64), return_counts=True)
        merged, places = np.unique(np.concatenate([self._lines, lines]), return_inverse=True)
        texts = np.concatenate([self._texts, counts.astype(np.uint32)])
        self._lines, self._texts = merged, np.bincount(places, texts, len(merged)).astype(np.uint32)
        self._waiting = []


def count_lines(texts: Iterable[str]) -> LineCounts:
    """The counts over all texts."""
    counts = LineCounts()
    for text in texts:
        counts.add(text)
    return counts


def without_lines(text: str, repeated: frozenset[int]) -> str:
    """The text without the repeated lines."""
    lines = text.split("\n")
    kept = [line for line in lines if len(line.strip()) < LEAST_LETTERS or _hash(line) not in repeated]
    return text if len(kept) == len(lines) else "\n".join(kept).strip()


def _hash(line: str) -> int:
    return xxhash.xxh3_64_intdigest(" ".join(line.casefold().split()).encode("utf-8", "replace"))
