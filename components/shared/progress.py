"""Progress of long work: a bar on a terminal, a line with rate and ETA now and then in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

log = logging.getLogger("evertune.progress")
T = TypeVar("T")
BAR_EVERY, LOG_EVERY, WIDTH = 0.2, 15.0, 30


class Progress:
    """Counts units of work and shows how far it is.

    Args:
        what: What is being done, such as "training".
        total: Units in all; None when not known.
        unit: Name of a unit, such as "rows".
        done: Units done before, when work is resumed.
    """

    def __init__(self, what: str, total: int | None, unit: str, done: int = 0) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done = self.before = done
        self.started = self.shown = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.terminal and self.done > self.before:
            self._show("\n")
        elif self.done > self.before and exc[0] is None:
            log.info("%s", self.line())

    def advance(self, units: int = 1, note: str = "") -> None:
        """Counts `units` as done; `note` (such as the loss) stands behind the numbers."""
        self.done += units
        now = time.monotonic()
        if now - self.shown >= (BAR_EVERY if self.terminal else LOG_EVERY):
            self.shown = now
            if self.terminal:
                self._show(f" {note}")
            else:
                log.info("%s %s", self.line(), note)

    def line(self) -> str:
        """Units done, share, rate and time left."""
        rate = (self.done - self.before) / max(time.monotonic() - self.started, 1e-9)
        if not self.total:
            return f"{self.what}: {self.done:,} {self.unit}, {rate:,.1f}/s"
        left = (self.total - self.done) / rate if rate else 0.0
        share = self.done / self.total
        return (
            f"{self.what}: {self.done:,}/{self.total:,} {self.unit} ({share:.0%}), {rate:,.1f}/s, {_clock(left)} left"
        )

    def _show(self, end: str) -> None:
        filled = int(WIDTH * self.done / self.total) if self.total else 0
        bar = f"[{'#' * filled:<{WIDTH}}] " if self.total else ""
        sys.stderr.write(f"\r\x1b[K{bar}{self.line()}{end}")
        sys.stderr.flush()


def track(items: Iterable[T], what: str, total: int | None, unit: str) -> Iterator[T]:
    """Passes `items` through while showing progress."""
    with Progress(what, total, unit) as progress:
        for item in items:
            yield item
            progress.advance()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
