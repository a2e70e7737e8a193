"""Writes the split dataset, and counts what it holds: whole tables where rows are only parted, row by row elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from components.shared.datasets import ALL, DatasetWriter
from components.shared.manifest import Manifest
from components.shared.progress import Progress
from components.shared.sketches import Sketch
from components.shared.texts import compared_text, label_of, labels_of
from components.split.assignment import Assignment
from components.split.cleaned_rows import CleanedRows
from components.split.draws import SPLITS, TRAIN
from components.split.enlarged import Enlarger
from components.split.falls import Falls
from components.split.statistics import SplitStatistics

if TYPE_CHECKING:
    import pyarrow as pa


def write(
    cleaned: CleanedRows, assignment: Assignment, enlarger: Enlarger, falls: Falls, directory: Path
) -> tuple[Manifest, dict[str, SplitStatistics], Sketch]:
    """Writes the split dataset, counts what it holds, and samples the rows of the source."""
    output = _Output(cleaned, assignment, enlarger, falls, directory)
    begin = 0
    with Progress("writing", cleaned.manifest.rows(ALL), "rows") as progress:
        for table in cleaned.tables():
            if not output.take_together(begin, table):
                output.take(begin, table.to_pylist())
            begin += len(table)
            progress.advance(len(table))
    return output.writer.finish(), output.numbers, output.sketch


class _Output:
    def __init__(
        self, cleaned: CleanedRows, assignment: Assignment, enlarger: Enlarger, falls: Falls, directory: Path
    ) -> None:
        self.cleaned, self.assignment, self.enlarger, self.falls = cleaned, assignment, enlarger, falls
        self.writer = DatasetWriter(directory, enlarger.columns(cleaned.columns), SPLITS)
        self.numbers, self.sketch = {name: SplitStatistics() for name in SPLITS}, Sketch()

    def take(self, begin: int, rows: Sequence[dict[str, Any]]) -> None:
        """Writes rows, the first of which has the number `begin`, and what is made of them."""
        keys = self.assignment.keys[begin : begin + len(rows)].tolist()
        for number, (row, key) in enumerate(zip(rows, keys, strict=True), begin):
            self.falls.see(number, compared_text(row))
            if self.assignment.reasons[number]:
                continue
            split = self.assignment.split_of(number)
            del row["id"]
            kept = self.enlarger.source_row(row)
            row_id = self.writer.write(kept, split)
            self.sketch.add(key, split, label_of(row))
            self.numbers[split].add(kept)
            for made in self.enlarger.made_of(row, row_id, number, key) if split == TRAIN else ():
                self.writer.write(made, TRAIN)
                self.numbers[TRAIN].add(made)

    def take_together(self, begin: int, table: pa.Table) -> bool:
        """Does the same with a table, when nothing is made of rows; whether that could be done.

        Their columns stay, and with them their ids.
        """
        sizes = None if self.enlarger.active else self.cleaned.sizes(begin, table)
        if sizes is None:
            return False
        here = slice(begin, begin + len(table))
        kept, splits = self.assignment.reasons[here] == 0, self.assignment.splits(here)
        for number in self.falls.examples:
            if begin <= number < here.stop:
                self._see(number, table.slice(number - begin, 1))
        for code, split in enumerate(SPLITS):
            chosen = kept & (splits == code)
            rows = table.filter(chosen)
            self.writer.write_table(rows, sizes[chosen].tolist(), split)
            self.numbers[split].add_table(rows)
            self._sample(rows, self.assignment.keys[here][chosen], split)
        return True

    def _see(self, number: int, table: pa.Table) -> None:
        [row] = table.to_pylist()
        self.falls.see(number, compared_text(row))

    def _sample(self, rows: pa.Table, keys: npt.NDArray[np.void], split: str) -> None:
        """Shows the sample those rows that it may take: soon hardly any."""
        beginnings = keys.view(">u8").reshape(-1, 2)[:, 0]
        places = np.flatnonzero(beginnings <= self.sketch.limit)
        for key, label in zip(keys[places].tolist(), labels_of(rows.take(places)), strict=True):
            self.sketch.add(key, split, label)
