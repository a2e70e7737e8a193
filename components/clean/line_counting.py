"""Counts the lines of all texts, shard by shard: before any text is changed it must be known which lines stand in many.

The counts of a shard are kept in the object store. Of several shares each begins with its own shards, so that it finds
the counts of the others there when it comes to them.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

from pyarrow import parquet

from components.clean.config import Config
from components.clean.known_parts import LINES, KnownParts
from components.clean.operations import Operations
from components.clean.repeated_lines import LineCounts, count_lines, read_counts, write_counts
from components.clean.workers import Work, Worker, working
from components.shared.datasets import ALL, READ_ROWS, Dataset
from components.shared.progress import Progress
from components.shared.texts import cleaned, compared_text


def repeated_lines(raw: Dataset, config: Config, scratch: Path) -> frozenset[int]:
    """Hashes of the lines that are removed from all texts.

    Args:
        raw: The raw dataset.
        config: The options.
        scratch: A directory for intermediate files.
    """
    if not config.repeated_lines:
        return frozenset()
    works = [(shard, scratch / f"lines-{shard.file}") for shard in config.by_share(raw.manifest.splits[ALL])]
    worker, counts = _LineCounter(config, raw.directory, raw.columns), LineCounts()
    worker.open()
    with Progress("counting lines", raw.manifest.rows(ALL), "rows") as progress, working(worker, works) as counted:
        for shard, directory in counted:
            counts.add(read_counts(directory))
            shutil.rmtree(directory)
            progress.advance(shard.rows)
    return counts.repeated(config.repeated_lines)


class _LineCounter(Worker):
    """Counts the lines of shards."""

    def open(self) -> None:
        # Placeholders would make lines alike that are not; so the key of theirs does not matter either.
        plain = dataclasses.replace(self.config, personal_data=False, personal_data_key="")
        self.operations, self.known = Operations(plain), KnownParts(plain)

    def do(self, work: Work) -> None:
        shard, directory = work
        directory.mkdir()
        if not self.known.find(shard, directory, LINES):
            write_counts(count_lines(self._texts(self.directory / shard.file)), directory)
            self.known.keep(shard, directory, [LINES])

    def _texts(self, shard: Path) -> Iterator[str]:
        with parquet.ParquetFile(shard) as file:
            for batch in file.iter_batches(READ_ROWS):
                for row in batch.to_pylist():
                    yield compared_text(cleaned(row, self.operations.clean))
