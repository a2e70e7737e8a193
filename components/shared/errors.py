"""Errors that are meant for people: one line, and an exit code that says whether to try again.

EvertuneError
├── UserError      exit 2   the input, the configuration or a permission must change
│   └── DamagedError        an object does not hold what was written
├── RetryError     exit 75  the same call may succeed later (EX_TEMPFAIL of sysexits.h)
└── Terminated     exit 143 SIGTERM was received and what can be saved is saved
"""

from __future__ import annotations

import errno


class EvertuneError(Exception):
    """Base of all errors that end a step with one line instead of a traceback."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        """Describe the error.

        Args:
            what: What is wrong, with the offending value.
            where: The option, file, line or address it was found at.
            remedy: What the reader can do about it.
        """
        self.what, self.where, self.remedy = what, where, remedy
        located = f"{where}: {what}" if where else what
        remedy = remedy[:1].upper() + remedy[1:]
        super().__init__(". ".join(part.rstrip(". ") for part in (located, remedy) if part))

    @property
    def line(self) -> str:
        """The whole message on one line."""
        return " ".join(str(self).split())


class UserError(EvertuneError):
    """The input, the configuration or a permission must change before a rerun can succeed."""

    exit_code = 2


class DamagedError(UserError):
    """An object does not hold what was written."""


class RetryError(EvertuneError):
    """Something outside failed after bounded retries; the same call may succeed later."""

    exit_code = 75


class Terminated(EvertuneError):
    """SIGTERM was received."""

    exit_code = 143


def of_storage(error: OSError) -> EvertuneError | None:
    """What a failure of a file system means to people: it is full, or refuses; None for other failures."""
    where = str(error.filename or "")
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        what = "a file became too large" if error.errno == errno.EFBIG else "no space left"
        return RetryError(what, where=where, remedy="free some disk space and run again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(f"{error.strerror}", where=where, remedy="give a path that this user may read and write")
    return None
