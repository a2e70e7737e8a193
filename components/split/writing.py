"""Writes the split dataset, and counts what it holds: whole tables where rows are only parted, row by row elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.shared.datasets import ALL, DatasetWriter
from components.shared.manifest import Manifest
from components.shared.progress import Progress
from components.shared.sketches import Sketch
from components.shared.texts import compared_text, label_of
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
        self._plain = not enlarger.active and {"text", "label"} <= cleaned.columns.keys()

    def take(self, begin: int, rows: Sequence[dict[str, Any]]) -> None:
        """Writes rows, the first of which has the number `begin`, and what is made of them."""
        keys = self.assignment.keys
        for number, row in enumerate(rows, begin):
            self.falls.see(number, compared_text(row))
            if self.assignment.reasons[number]:
                continue
            split = self.assignment.split_of(number)
            del row["id"]
            kept = self.enlarger.source_row(row)
            row_id = self.writer.write(kept, split)
            self.sketch.add(keys[number], split, label_of(row))
            self.numbers[split].add(kept)
            for made in self.enlarger.made_of(row, row_id, number, keys[number]) if split == TRAIN else ():
                self.writer.write(made, TRAIN)
                self.numbers[TRAIN].add(made)

    def take_together(self, begin: int, table: pa.Table) -> bool:
        """Does the same with a table of labelled texts, of which nothing is made; whether that could be done.

        Their columns stay, and with them their ids.
        """
        sizes = self.cleaned.sizes(begin, table) if self._plain else None
        if sizes is None:
            return False
        self._see(begin, table)
        for split, places in self._parted(begin, len(table)):
            chosen = table.take(places)
            self.writer.write_table(chosen, [sizes[place] for place in places], split)
            self.numbers[split].add_table(chosen)
            for place, label in zip(places, chosen["label"].to_pylist(), strict=True):
                self.sketch.add(self.assignment.keys[begin + place], split, label)
        return True

    def _see(self, begin: int, table: pa.Table) -> None:
        for number in self.falls.examples:
            if begin <= number < begin + len(table):
                self.falls.see(number, table["text"][number - begin].as_py())

    def _parted(self, begin: int, rows: int) -> Iterator[tuple[str, list[int]]]:
        """The places of the rows of each split in a table."""
        found: dict[str, list[int]] = {split: [] for split in SPLITS}
        for place in range(rows):
            if not self.assignment.reasons[begin + place]:
                found[self.assignment.split_of(begin + place)].append(place)
        yield from ((split, places) for split, places in found.items() if places)
