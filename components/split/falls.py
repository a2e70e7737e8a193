"""How clusters of texts that are alike fell: the numbers and examples for the report."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from components.split.assignment import Assignment
from components.split.draws import SPLITS
from components.split.ties import Rows

LEFT_OUT: Final = "left out"
_SIZES: Final = ((2, "2"), (3, "3"), (5, "4 to 5"), (10, "6 to 10"), (100, "11 to 100"))
_LARGEST: Final = 5
_SHOWN_OF_EACH: Final = 3
_EXCERPT: Final = 160


class Falls:
    """Clusters of two rows or more.

    Attributes:
        sizes: For each size, the number of clusters and of rows in each split or left out.
        examples: Rows to show, by number: the first ones of the largest clusters.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        followers = np.flatnonzero(assignment.cluster != np.arange(len(assignment.cluster), dtype=np.int32))
        self._clusters, counts = np.unique(assignment.cluster[followers], return_counts=True)
        self._rows = counts + 1  # the first row leads the others
        self.sizes = self._by_size(np.concatenate([self._clusters, followers]))
        largest = self._clusters[np.argsort(-self._rows, kind="stable")[:_LARGEST]]
        self.examples = [row for cluster in largest for row in self._members(cluster).tolist()]
        self._texts: dict[int, str] = {}

    def see(self, number: int, text: str) -> None:
        """Keeps the text of a row that is to be shown."""
        if number in self.examples:
            self._texts[number] = " ".join(text.split())[:_EXCERPT]

    def shown(self) -> list[tuple[int, str, str]]:
        """Examples: the rows of their cluster, where they fell, and their text; largest clusters first."""
        sizes = self._size_of(np.array(self.examples, np.int64)).tolist()
        return [(size, self.place(row), self._texts[row]) for size, row in zip(sizes, self.examples, strict=True)]

    def place(self, row: int) -> str:
        """Where a row fell: its split, or why it is in none."""
        return self._assignment.reason_of(row) or self._assignment.split_of(row)

    def _size_of(self, rows: Rows) -> Rows:
        """How many rows the cluster of each of some rows has."""
        sizes: Rows = self._rows[np.searchsorted(self._clusters, self._assignment.cluster[rows])]
        return sizes

    def _by_size(self, rows: Rows) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {name: Counter() for name in (*(name for _, name in _SIZES), "over 100")}
        for size, clusters in zip(*np.unique(self._rows, return_counts=True), strict=True):
            found[_size(size)]["clusters"] += int(clusters)
        sizes, left_out = self._size_of(rows), self._assignment.reasons[rows] > 0
        places = np.where(left_out, len(SPLITS), self._assignment.splits(rows))
        for place, name in enumerate((*SPLITS, LEFT_OUT)):
            for size, count in zip(*np.unique(sizes[places == place], return_counts=True), strict=True):
                found[_size(size)][name] += int(count)
        return {name: counts for name, counts in found.items() if counts}

    def _members(self, cluster: int) -> Rows:
        """The first rows of a cluster."""
        return np.flatnonzero(self._assignment.cluster == cluster)[:_SHOWN_OF_EACH]

    def to_json(self) -> dict[str, Any]:
        """The content for statistics.json."""
        return {size: dict(sorted(counts.items())) for size, counts in self.sizes.items()}


def _size(rows: int) -> str:
    return next((name for most, name in _SIZES if rows <= most), "over 100")
