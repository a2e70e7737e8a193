"""How clusters of texts that are alike fell: the numbers and examples for the report."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from components.split.assignment import Assignment
from components.split.draws import SPLITS

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
        self._rows = Counter(assignment.cluster)
        alike = Counter({cluster: rows for cluster, rows in self._rows.items() if rows > 1})
        self.sizes = self._by_size(alike)
        self.examples = self._chosen([cluster for cluster, _ in alike.most_common(_LARGEST)])
        self._texts: dict[int, str] = {}

    def see(self, number: int, text: str) -> None:
        """Keeps the text of a row that is to be shown."""
        if number in self.examples:
            self._texts[number] = " ".join(text.split())[:_EXCERPT]

    def shown(self) -> list[tuple[int, str, str]]:
        """Examples: the rows of their cluster, where they fell, and their text; largest clusters first."""
        return [(self._rows[self._assignment.cluster[row]], self.place(row), self._texts[row]) for row in self.examples]

    def place(self, row: int) -> str:
        """Where a row fell: its split, or why it is in none."""
        return self._assignment.reasons[row] or self._assignment.split_of(row)

    def _by_size(self, alike: Counter[int]) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {name: Counter() for name in (*(name for _, name in _SIZES), "over 100")}
        for rows in alike.values():
            found[_size(rows)]["clusters"] += 1
        for row, cluster in enumerate(self._assignment.cluster):
            if cluster in alike:
                place = self.place(row)
                found[_size(alike[cluster])][place if place in SPLITS else LEFT_OUT] += 1
        return {name: counts for name, counts in found.items() if counts}

    def _chosen(self, clusters: list[int]) -> list[int]:
        found: dict[int, list[int]] = {cluster: [] for cluster in clusters}
        for row, cluster in enumerate(self._assignment.cluster):
            if len(found.get(cluster, (0,) * _SHOWN_OF_EACH)) < _SHOWN_OF_EACH:
                found[cluster].append(row)
        return [row for rows in found.values() for row in rows]

    def to_json(self) -> dict[str, Any]:
        """The content for statistics.json."""
        return {size: dict(sorted(counts.items())) for size, counts in self.sizes.items()}


def _size(rows: int) -> str:
    return next((name for most, name in _SIZES if rows <= most), "over 100")
