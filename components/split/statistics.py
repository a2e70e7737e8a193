"""Numbers about the splits: they lie beside the dataset, in the data card and in the report."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class SplitStatistics:
    """Rows of one split: how many of each label, and how long their texts are in characters."""

    labels: Counter[str] = field(default_factory=Counter)
    lengths: array[int] = field(default_factory=lambda: array("l"))

    def add(self, text: str, label: str) -> None:
        """Counts a row."""
        self.labels[label] += 1
        self.lengths.append(len(text))

    def summary(self) -> dict[str, Any]:
        """The numbers for statistics.json."""
        ordered = sorted(self.lengths)
        middle = ordered[len(ordered) // 2] if ordered else 0
        return {
            "rows": len(ordered),
            "labels": dict(sorted(self.labels.items())),
            "characters": {
                "shortest": ordered[0] if ordered else 0,
                "median": middle,
                "longest": ordered[-1] if ordered else 0,
            },
        }


def statistics(
    splits: Mapping[str, SplitStatistics], cleaning: Mapping[str, Any], dropped: Mapping[str, int]
) -> dict[str, Any]:
    """The content of statistics.json.

    Args:
        splits: The numbers of each split.
        cleaning: The content of counts.json of `clean`.
        dropped: Rows that `split` dropped, by reason.
    """
    return {
        "splits": {name: split.summary() for name, split in splits.items()},
        "source_rows": cleaning["rows_in"],
        "dropped": {**cleaning["dropped"], **dropped},
        "changed": cleaning["changed"],
        "personal_data": cleaning["personal_data"],
        "copies": cleaning["copies"],
    }
