"""Cleans the shards of the raw dataset, each into a part, in as many processes as there is room for.

Parts do not depend on each other, so neither the number of processes nor the order of their work changes a byte.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from components.clean.config import Config
from components.clean.known_parts import KnownParts
from components.clean.operations import Operations
from components.clean.parts import clean_shard
from components.clean.stored_parts import Parts, StoredPart
from components.shared.datasets import ALL, Dataset
from components.shared.errors import RetryError, UserError
from components.shared.manifest import Columns, Shard
from components.shared.progress import Progress

LEAST_ROWS: Final = 8192
"""Rows that are worth a process of their own."""
PROCESS_MB: Final = 256
"""Memory of a process that cleans."""
ROW_BYTES: Final = 100
"""Memory that the search for duplicates takes for each row."""
Work = tuple[Shard, Path]
"""A shard, and the directory of its part."""
_cleaner: _Cleaner


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
        with _cleaning(cleaner, left) as cleaned:
            for (shard, _), _ in zip(left, cleaned, strict=True):
                progress.advance(shard.rows)
    return Parts(parts, stored)


class _Cleaner:
    """Makes parts; each process has its own."""

    def __init__(self, config: Config, directory: Path, columns: Columns, repeated: frozenset[int]) -> None:
        self.config, self.directory, self.columns, self.repeated = config, directory, columns, repeated

    def open(self) -> None:
        """Makes ready what cannot be sent to another process; raises UserError for what an option names in vain."""
        self.operations, self.known = Operations(self.config, self.repeated), KnownParts(self.config, self.repeated)

    def clean(self, work: Work) -> None:
        """Makes the part of a shard that is not known; of a share it is in the store only, and takes no room here."""
        shard, part = work
        self.make(shard, part)
        if self.config.share:
            shutil.rmtree(part)

    def make(self, shard: Shard, part: Path) -> None:
        """Makes the part of a shard in an empty directory, and keeps it."""
        clean_shard(self.operations, self.directory / shard.file, self.columns, part)
        self.known.keep(shard, part)


@contextmanager
def _cleaning(cleaner: _Cleaner, left: Sequence[Work]) -> Iterator[Iterator[None]]:
    """Says when each shard is cleaned, in their order."""
    processes = _processes(cleaner.config, [shard for shard, _ in left])
    if processes == 1:
        yield map(cleaner.clean, left)
        return
    sent = _Cleaner(cleaner.config, cleaner.directory, cleaner.columns, cleaner.repeated)
    # Not forked: threads of Arrow would not be there in the copy.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(sent,))
    try:
        yield pool.map(_clean, left)
    except BrokenProcessPool:
        raise RetryError(
            "a process that cleaned was killed, perhaps for lack of memory",
            where="clean.processes",
            remedy="give fewer, or a machine with more memory, and run again",
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _processes(config: Config, shards: Sequence[Shard]) -> int:
    wanted = config.processes or len(os.sched_getaffinity(0))
    worth = sum(shard.rows for shard in shards) // LEAST_ROWS
    return max(1, min(wanted, config.memory_mb // PROCESS_MB, len(shards), worth))


def _start(cleaner: _Cleaner) -> None:
    """Makes a process of the pool ready."""
    global _cleaner  # noqa: PLW0603 - the pool has no other place for it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches the main process, which ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cleaner.open()
    _cleaner = cleaner


def _end_with_parent() -> None:
    """A pool whose main process was killed would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)


def _clean(work: Work) -> None:
    _cleaner.clean(work)


def _check_memory(config: Config, rows: int) -> None:
    least = PROCESS_MB + (rows * ROW_BYTES >> 20)
    if config.memory_mb < least:
        raise UserError(
            f"{config.memory_mb} MB are too little for {rows:,} rows",
            where="clean.memory_mb",
            remedy=f"give at least {least}, and a machine that has so much",
        )
