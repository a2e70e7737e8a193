"""What tests of processes wait for: an event, never a span of time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from components.shared import commands
from pipelines.store_process import has_ended

T = TypeVar("T")
PATIENCE = 600.0
"""Seconds until a test gives up; a machine that is busy with other things may take long for a little."""


def wait_for(what: Callable[[], T], seconds: float = PATIENCE) -> T:
    """The first true value that `what` gives."""
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end, f"nothing after {seconds:g} s"
        time.sleep(0.02)
    return value


def wait_until_gone(pid: int) -> None:
    """Waits until nothing of a process runs; its parent need not have asked for its exit code."""
    wait_for(lambda: has_ended(pid))


def over_when(event: Callable[[], object], seconds: float = 0.0) -> type[commands.Deadline]:
    """Deadlines that are over so long after an event, however slow this machine is until then."""

    class Deadline(commands.Deadline):
        @property
        def left(self) -> float:
            if not event():
                return 60.0
            self.over: float = getattr(self, "over", time.monotonic() + seconds)
            return max(0.0, self.over - time.monotonic())

    return Deadline
