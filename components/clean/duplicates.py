"""Which rows are dropped as duplicates, and which of the kept ones are alike. Rows are numbered in source order."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from components.clean.config import Config
from components.clean.near_duplicates import ShingleIndex
from components.clean.shingles import shingles
from components.shared.records import text_key

CONFLICT: Final = "duplicates with conflicting labels"
EXACT: Final = "exact duplicate"
NEAR: Final = "near-duplicate"
NEAR_CONFLICT: Final = "near-duplicate with another label"


class Duplicates:
    """Takes the cleaned rows one by one, then decides.

    Attributes:
        reasons: Why each row is dropped; empty for a kept one.
        kept_as: Number of the earlier row that stands for a row dropped as a duplicate.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.reasons: list[str] = []
        self.kept_as: dict[int, int] = {}
        self._labels: list[str] = []
        self._first: dict[bytes, int] = {}
        self._same: dict[int, list[int]] = {}
        self._compared: list[int] = []
        self._index = ShingleIndex()

    def add(self, text: str, label: str, reason: str = "") -> None:
        """Adds the next row; one with a `reason` is dropped already and takes no part."""
        row = len(self.reasons)
        self.reasons.append(reason)
        self._labels.append(label)
        if reason:
            return
        first = self._first.setdefault(text_key(text), row)
        self._same.setdefault(first, []).append(row)
        if first == row or not self.config.exact_duplicates:
            self._compared.append(row)
            self._index.add(shingles(text))

    def decide(self) -> None:
        """Fills `reasons`: exact duplicates first, then those that are nearly the same as an earlier row."""
        for first, rows in self._same.items():
            if self.config.conflicting_labels and len({self._labels[row] for row in rows}) > 1:
                for row in rows:
                    self.reasons[row] = CONFLICT
            elif self.config.exact_duplicates:
                for row in rows[1:]:
                    self.reasons[row], self.kept_as[row] = EXACT, first
        if self.config.near_duplicates:
            for row, earlier in self._similar(self.config.near_duplicate_similarity):
                if not self.reasons[row]:
                    alike = self._labels[row] == self._labels[earlier]
                    self.reasons[row], self.kept_as[row] = NEAR if alike else NEAR_CONFLICT, earlier

    def ties(self) -> dict[int, list[int]]:
        """Kept rows that are alike earlier kept rows, with these."""
        found: dict[int, list[int]] = {}
        for row, earlier in self._similar(self.config.cluster_similarity):
            found.setdefault(row, []).append(earlier)
        return found

    def copies(self) -> dict[int, int]:
        """Number of kept texts by how often each is in the source, but for case and white space."""
        counts = Counter(len(rows) for rows in self._same.values() if any(not self.reasons[row] for row in rows))
        return dict(sorted(counts.items()))

    def _similar(self, threshold: float) -> list[tuple[int, int]]:
        """Pairs of a row and an earlier one among those not dropped yet, in order."""
        numbers = np.array(self._compared, np.int64)
        live = np.array([not self.reasons[row] for row in self._compared], bool)
        pairs = self._index.similar_pairs(np.flatnonzero(live), threshold)
        return [(int(row), int(earlier)) for row, earlier in numbers[pairs]]
