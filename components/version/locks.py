"""Locks that a killed writer left in a registry of this machine.

Git holds the lock of a branch or tag for moments, and does not know whose a lock is: one that stays would
stop every later writer. A lock goes when it is old and nobody on this machine works in the registry.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from components.shared import git
from components.shared.commands import Deadline
from components.shared.errors import RetryError

log = logging.getLogger("evertune.version")
STALE_SECONDS = 30.0
"""Age from which on a lock without an owner is stale; one in use lives for a fraction of a second."""
_NAMED = re.compile(r"Unable to create '(?P<path>[^']+\.lock)'")


def named(reason: str) -> str:
    """The lock that git could not have, in its own words; empty if that was not the reason."""
    match = _NAMED.search(reason)
    return match["path"] if match else ""


def clear(reason: str, registry: str, deadline: Deadline) -> None:
    """Removes the lock that git named when its owner is dead, which its age must confirm.

    Returns at once when the lock is gone, has an owner that we see, or lies on another machine.

    Raises:
        RetryError: if the deadline is over before the lock is old enough.
    """
    home = Path(registry).expanduser().resolve()
    lock = Path(named(reason))
    if not lock.name or not git.is_path(registry) or not lock.resolve().is_relative_to(home):
        return
    while lock.exists() and not _somebody_works_in(home):
        left = STALE_SECONDS - _age(lock)
        if left <= 0:
            _remove(lock, home)
        elif left > deadline.left:
            raise left_behind(str(lock), registry)
        else:
            log.info("%s was left by a writer that is gone; it is removed in %.0f s", lock, left)
            time.sleep(min(left, 1.0))


def left_behind(lock: str, registry: str) -> RetryError:
    """The error for a lock that seems to have no owner any more."""
    return RetryError(
        f"the lock {lock} stays",
        where=registry,
        remedy="if no writer is at work in the registry, remove this file; then run again",
    )


def _remove(lock: Path, home: Path) -> None:
    with _only_one(home):
        if _age(lock) >= STALE_SECONDS:  # otherwise it is a new one: somebody else removed the old one
            lock.unlink(missing_ok=True)
            log.warning("removed %s, left by a writer that died", lock)


def _age(lock: Path) -> float:
    try:
        return time.time() - lock.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Only one process at a time removes locks; the kernel frees this one."""
    directory = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _somebody_works_in(home: Path) -> bool:
    """Whether a process has the registry as its directory, as git has that writes to it; True where nobody can tell."""
    processes = [place for place in Path("/proc").glob("[0-9]*") if place.name != str(os.getpid())]
    for place in processes:
        with suppress(FileNotFoundError, ProcessLookupError):
            try:
                if (place / "cwd").readlink().is_relative_to(home):
                    return True
            except PermissionError:  # another user's: git may be at work for him
                if (place / "comm").read_text().startswith("git"):
                    return True
    return not processes
