"""The server of the embedded store as a process: whether it runs, and ending it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

STOP_SECONDS: Final = 20.0
"""How long the server may take to end, before it is killed and after."""

SERVES: Final = "serves"
"""Name of a file beside the process id that is there once the server has given back what it took."""


def process_of(store: Path) -> int | None:
    """Process id of the server of this store, if it runs."""
    try:
        pid = int((store / "pid").read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    # The id may belong to another process by now: only ours has our directory on its command line.
    return pid if f"-dir={store / 'data'}" in command_line(pid) else None


def has_failed(store: Path) -> bool:
    """Whether the server that was started has ended; while its program is loaded it has no command line yet."""
    if process_of(store):
        return False
    try:
        return has_ended(int((store / "pid").read_text()))
    except (OSError, ValueError):
        return True


def has_ended(pid: int) -> bool:
    """Whether all threads of a process have ended, and with the last one its files and ports.

    The command line of an ending process is gone before that, and a dead one may wait for its parent for ever.
    """
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return True
    return not any(map(_is_alive, threads))


def _is_alive(thread: Path) -> bool:
    try:
        state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # it ended since it was listed; others may live
        return False
    return state not in "ZX"


def command_line(pid: int) -> list[str]:
    """The arguments of a process; none for one that ended and was not waited for."""
    proc = Path("/proc", str(pid), "cmdline")
    if proc.parent.parent.joinpath("self").exists():
        with suppress(OSError):
            return proc.read_text(errors="replace").split("\0")
        return []
    command = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.split()


def terminate(store: Path) -> bool:
    """Ends the server of this store and waits until nothing of it is left; says whether it ran."""
    pid = process_of(store)
    for stop_signal in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOP_SECONDS
        while pid and process_of(store) == pid and time.monotonic() < deadline:
            with suppress(ProcessLookupError):
                os.kill(pid, stop_signal)
            time.sleep(0.2)
    deadline = time.monotonic() + STOP_SECONDS
    while pid and not has_ended(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    for name in (SERVES, "pid"):
        (store / name).unlink(missing_ok=True)
    return pid is not None
