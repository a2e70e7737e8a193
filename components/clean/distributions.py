"""How the rows are spread over languages, sources and labels, before and after rows were dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa
from pyarrow import compute

LANGUAGE, LABEL = "language", "label"
UNSURE: Final = "not told"
MOST_VALUES: Final = 200
"""A column with more different values is left out: it names rows, not kinds of rows."""


class Distributions:
    """Counts the values of rows as they are written."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[Counter[str], Counter[str]]] = {}
        self._left_out: set[str] = set()

    def add(self, rows: pa.Table, marks: pa.Table, kept: pa.Array) -> None:
        """Counts some rows.

        Args:
            rows: The rows.
            marks: What is known of them (see `parts`).
            kept: Which of them are kept.
        """
        for name, values in _columns(rows, marks):
            if name not in self._left_out:
                before, after = self._counts.setdefault(name, (Counter(), Counter()))
                before.update(_counted(values))
                after.update(_counted(values.filter(kept)))
                if len(before) > MOST_VALUES:
                    self._left_out.add(name)
                    del self._counts[name]

    def told(self) -> dict[str, dict[str, list[int]]]:
        """For each column its values, the most frequent first, with the number of rows before and after."""
        return {
            name: {
                value: [rows, after[value]] for value, rows in sorted(before.items(), key=lambda one: (-one[1], one))
            }
            for name, (before, after) in self._counts.items()
        }


def _columns(rows: pa.Table, marks: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
    yield LANGUAGE, marks[LANGUAGE]
    if LABEL in rows.column_names:
        yield LABEL, rows[LABEL]
    if "meta" in rows.column_names:
        for field in rows["meta"].type:
            yield f"meta.{field.name}", compute.struct_field(rows["meta"], field.name)


def _counted(values: pa.ChunkedArray) -> Mapping[str, Any]:
    found = values.value_counts()
    return {value or UNSURE: count for value, count in zip(*(found.field(i).to_pylist() for i in (0, 1)), strict=True)}
