"""Numbers about the splits: they lie beside the dataset, in the data card and in the report."""

from __future__ import annotations

from array import array
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
        lengths: Characters of each text.
        meta: Rows of each value of each meta column; None for a column with too many values.
        made: Rows that were made of others, by the way they were made.
    """

    labels: Counter[str] = field(default_factory=Counter)
    lengths: array[int] = field(default_factory=lambda: array("l"))
    meta: dict[str, Counter[str] | None] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Counts a row."""
        self.labels[label_of(row)] += 1
        self.lengths.append(len(compared_text(row)))
        if way := way_of(row):
            self.made[way] += 1
        for column, value in (row.get("meta") or {}).items():
            self._count(column, [value])

    def add_table(self, table: pa.Table) -> None:
        """Counts the rows of a table, none of which was made of another."""
        from pyarrow import compute

        self.labels.update(labels_of(table))
        self.lengths.extend(compute.utf8_length(compared_texts(table)).to_pylist())
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
        ordered = sorted(self.lengths)
        middle = ordered[len(ordered) // 2] if ordered else 0
        return {
            "rows": len(ordered),
            "made": dict(sorted(self.made.items())),
            "labels": dict(sorted(self.labels.items())),
            "characters": {
                "shortest": ordered[0] if ordered else 0,
                "median": middle,
                "longest": ordered[-1] if ordered else 0,
            },
            "lengths": length_bins(self.lengths),
            "meta": {name: dict(sorted(counts.items())) for name, counts in self.meta.items() if counts is not None},
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
        "languages": {name: rows for name, (_, rows) in cleaning["distributions"]["language"].items()},
    }
