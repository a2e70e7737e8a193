"""Runs other programs with a deadline, so that none of them can hang a step."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from components.shared.errors import RetryError, UserError
from components.shared.secrets import redact

log = logging.getLogger("evertune.commands")
NOTICE_SECONDS = 15.0


class Deadline:
    """A moment that all the commands of a piece of work share.

    Args:
        seconds: Time from now on.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds until then; 0 when it is over."""
        return max(0.0, self._end - time.monotonic())


@dataclass(frozen=True)
class Outcome:
    """How a program ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The last line it wrote, without secrets: with most programs the reason."""
        return redact(self.lines[-1]) if self.lines else f"exit code {self.code}"

    @property
    def lines(self) -> list[str]:
        """The lines that it wrote and that are not blank."""
        text = f"{self.out}\n{self.err}".encode(errors="replace").decode()
        return [line.strip() for line in text.splitlines() if line.strip()]


def program(name: str) -> str:
    """The program of this interpreter's environment, or else the one on the search path.

    Raises:
        UserError: if there is none.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise UserError(f"{name} is not installed", where=name, remedy=f"install {name} and run again")
    return found


def run(
    command: Sequence[str], what: str, deadline: Deadline, cwd: Path, env: Mapping[str, str], stdin: bytes = b""
) -> Outcome:
    """Runs a program to its end; its process group is killed at the deadline, and when this process is stopped.

    Args:
        command: The program and its arguments.
        what: What it does, for the log and the error.
        deadline: When to give up.
        cwd: The directory to run it in.
        env: Its whole environment.
        stdin: What it reads.

    Raises:
        RetryError: if it did not end in time.
    """
    with tempfile.TemporaryFile() as given:
        # A file, for `communicate` sends no more of its input once it was interrupted.
        given.write(stdin)
        given.seek(0)
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    with process:
        try:
            out, err = _output(process, what, deadline)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return Outcome(process.returncode, *(text.decode(errors="surrogateescape") for text in (out, err)))


def _output(process: subprocess.Popen[bytes], what: str, deadline: Deadline) -> tuple[bytes, bytes]:
    started = time.monotonic()
    while True:
        try:
            return process.communicate(timeout=min(NOTICE_SECONDS, deadline.left))
        except subprocess.TimeoutExpired:
            if not deadline.left:
                raise RetryError(
                    f"not done after {deadline.seconds:g} seconds",
                    where=what,
                    remedy="check that the server answers, raise `deadline` if there is much to transfer, run again",
                ) from None
            log.info("%s: %.0f s, at most %.0f s left", what, time.monotonic() - started, deadline.left)
