"""Cleans the shards of the raw dataset, each into a part."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Final

from components.clean.config import Config
from components.clean.known_parts import KnownParts
from components.clean.operations import Operations
from components.clean.parts import clean_shard
from components.clean.stored_parts import Parts, StoredPart
from components.clean.workers import PROCESS_MB, Work, Worker, working
from components.shared.datasets import ALL, Dataset
from components.shared.errors import UserError
from components.shared.manifest import Shard
from components.shared.progress import Progress

ROW_BYTES: Final = 100
"""Memory that the search for duplicates takes for each row."""


def clean_shards(config: Config, raw: Dataset, scratch: Path, repeated: frozenset[int] = frozenset()) -> Parts:
    """Cleans all shards, or those of the chosen share.

    Args:
        config: The options.
        raw: The raw dataset.
        scratch: A directory for the parts.
        repeated: Lines to remove, as `repeated_lines` counted them.

    Returns:
        The parts in the order of the shards.
    """
    shards = config.share_of(raw.manifest.splits[ALL])
    rows = sum(shard.rows for shard in shards)
    _check_memory(config, rows)
    parts = [scratch / f"part-{number:05d}" for number in range(len(shards))]
    cleaner, left, stored = _Cleaner(config, raw.directory, raw.columns, repeated), [], {}
    cleaner.open()
    with Progress("cleaning", rows, "rows") as progress:
        for number, (shard, part) in enumerate(zip(shards, parts, strict=True)):
            part.mkdir()
            if cleaner.known.find(shard, part):
                stored[number] = StoredPart(cleaner.known, shard, part, partial(cleaner.make, shard))
                progress.advance(shard.rows)
            else:
                left.append((shard, part))
        # The largest first, so that no process is left alone with one of them at the end.
        with working(cleaner, sorted(left, key=lambda work: -work[0].rows)) as cleaned:
            for shard, _ in cleaned:
                progress.advance(shard.rows)
    return Parts(parts, stored)


class _Cleaner(Worker):
    """Makes parts."""

    def open(self) -> None:
        self.operations, self.known = Operations(self.config, self.repeated), KnownParts(self.config, self.repeated)

    def do(self, work: Work) -> None:
        """Makes the part of a shard that is not known; of a share it is in the store only, and takes no room here."""
        shard, part = work
        self.make(shard, part)
        if self.config.share:
            shutil.rmtree(part)

    def make(self, shard: Shard, part: Path) -> None:
        """Makes the part of a shard in an empty directory, and keeps it."""
        clean_shard(self.operations, self.directory / shard.file, self.columns, part)
        self.known.keep(shard, part)


def _check_memory(config: Config, rows: int) -> None:
    least = PROCESS_MB + (rows * ROW_BYTES >> 20)
    if config.memory_mb < least:
        raise UserError(
            f"{config.memory_mb} MB are too little for {rows:,} rows",
            where="clean.memory_mb",
            remedy=f"give at least {least}, and a machine that has so much",
        )
