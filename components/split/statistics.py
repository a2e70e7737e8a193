"""Numbers about the splits: they lie beside the dataset, in the data card and in the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from components.shared.distributions import length_bins
from components.shared.texts import compared_text, compared_texts, label_of, labels_of
from components.split.enlarged import way_of

if TYPE_CHECKING:
    import pyarrow as pa

MOST_VALUES: Final = 50
"""A meta column with more values, such as an author, is not counted by value."""
Row = Mapping[str, Any]


@dataclass
class SplitStatistics:
    """Rows of one split.

    Attributes:
        labels: Rows of each label.
        lengths: Rows of each number of characters.
        meta: Rows of each value of each meta column; None for a column with too many values.
        made: Rows that were made of others, by the way they were made.
    """

    labels: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    meta: dict[str, Counter[str] | None] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Counts a row."""
        self.labels[label_of(row)] += 1
        self.lengths[len(compared_text(row))] += 1
        if way := way_of(row):
            self.made[way] += 1
        for column, value in (row.get("meta") or {}).items():
            self._count(column, [value])

    def add_table(self, table: pa.Table) -> None:
        """Counts the rows of a table, none of which was made of another."""
        from pyarrow import compute

        self.labels.update(labels_of(table))
        self.lengths.update(compute.utf8_length(compared_texts(table)).to_pylist())
        for column in table["meta"].type if "meta" in table.column_names else ():
            self._count(column.name, compute.struct_field(table["meta"], column.name).to_pylist())

    def _count(self, column: str, values: Iterable[str]) -> None:
        counts = self.meta.setdefault(column, Counter())
        if counts is not None:
            counts.update(values)
            if len(counts) > MOST_VALUES:
                self.meta[column] = None

    def summary(self) -> dict[str, Any]:
        """The numbers for statistics.json."""
        rows = self.lengths.total()
        return {
            "rows": rows,
            "made": dict(sorted(self.made.items())),
            "labels": dict(sorted(self.labels.items())),
            "characters": {
                "shortest": min(self.lengths, default=0),
                "median": value_at(self.lengths, rows // 2),
                "longest": max(self.lengths, default=0),
            },
            "lengths": length_bins(self.lengths),
            "meta": {name: dict(sorted(counts.items())) for name, counts in self.meta.items() if counts is not None},
        }


def value_at(counts: Mapping[int, int], place: int) -> int:
    """Of values that stand so many times each, in ascending order, the one at a place; 0 when there are none."""
    for value in sorted(counts):
        place -= counts[value]
        if place < 0:
            return value
    return 0


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
        "languages": {name: rows for name, (_, rows) in cleaning["distributions"]["language"].items()},
    }
