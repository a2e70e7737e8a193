"""Works on the shards of the raw dataset, one by one, in as many processes as there is room for.

What is made of a shard does not depend on the others, so neither the number of processes nor the order of their work
changes a byte. The main process is one of them: it works while the others start. Whoever is free takes the next shard.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from components.clean.config import Config
from components.shared.errors import RetryError
from components.shared.manifest import Columns, Shard

LEAST_ROWS: Final = 8192
"""Rows that are worth a process of their own."""
PROCESS_MB: Final = 256
"""Memory of a process that cleans."""
Work = tuple[Shard, Path]
"""A shard, and the directory of what is made of it."""
_worker: Worker


class Worker(ABC):
    """Does something with shards; each process has its own.

    Args:
        config: The options.
        directory: Where the shards are.
        columns: Their schema.
        repeated: Lines to remove.
    """

    def __init__(
        self, config: Config, directory: Path, columns: Columns, repeated: frozenset[int] = frozenset()
    ) -> None:
        self.config, self.directory, self.columns, self.repeated = config, directory, columns, repeated

    @abstractmethod
    def open(self) -> None:
        """Makes ready what cannot be sent to another process; raises UserError for what an option names in vain."""

    @abstractmethod
    def do(self, work: Work) -> None:
        """Works on a shard."""


@contextmanager
def working(worker: Worker, works: Sequence[Work]) -> Iterator[Iterator[Work]]:
    """Begins works in their order, and gives each when it is done; the worker is open."""
    number, left = processes(worker.config, [shard for shard, _ in works]), deque(works)
    if number == 1:
        yield _done_here(worker, left)
        return
    sent = type(worker)(worker.config, worker.directory, worker.columns, worker.repeated)
    # Not forked: threads of Arrow would not be there in the copy.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(number - 1, context, initializer=_start, initargs=(sent,))
    drivers, done = ThreadPoolExecutor(number - 1), deque[Work]()
    try:
        driving = [drivers.submit(_drive, pool, left, done) for _ in range(number - 1)]
        yield _done_together(worker, left, done, driving)
    except BrokenProcessPool:
        raise RetryError(
            "a process that cleaned was killed, perhaps for lack of memory",
            where="clean.processes",
            remedy="give fewer, or a machine with more memory, and run again",
        ) from None
    finally:
        left.clear()
        drivers.shutdown()
        pool.shutdown()


def _done_here(worker: Worker, left: deque[Work]) -> Iterator[Work]:
    """Does what is left in this process."""
    while work := _taken(left):
        worker.do(work)
        yield work


def _done_together(
    worker: Worker, left: deque[Work], done: deque[Work], driving: Sequence[Future[None]]
) -> Iterator[Work]:
    """Does what is left in this process too, while threads have other processes do it and tell what is done."""
    for work in _done_here(worker, left):
        yield work
        while other := _taken(done):
            yield other
        for one in driving:
            if one.done():
                one.result()  # raises what was raised there
    for one in driving:
        one.result()
    yield from done


def _drive(pool: ProcessPoolExecutor, left: deque[Work], done: deque[Work]) -> None:
    """Has a process of the pool do what is left, one by one."""
    while work := _taken(left):
        pool.submit(_do, work).result()
        done.append(work)


def _taken(works: deque[Work]) -> Work | None:
    """The next one, if there is one: to ask before would leave another thread the time to take it."""
    try:
        return works.popleft()
    except IndexError:
        return None


def processes(config: Config, shards: Sequence[Shard]) -> int:
    """How many processes work on some shards."""
    wanted = config.processes or len(os.sched_getaffinity(0))
    worth = sum(shard.rows for shard in shards) // LEAST_ROWS
    return max(1, min(wanted, config.memory_mb // PROCESS_MB, len(shards), worth))


def _start(worker: Worker) -> None:
    """Makes a process of the pool ready."""
    global _worker  # noqa: PLW0603 - the pool has no other place for it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches the main process, which ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    worker.open()
    _worker = worker


def _end_with_parent() -> None:
    """A pool whose main process was killed would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)


def _do(work: Work) -> None:
    _worker.do(work)
