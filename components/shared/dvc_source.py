"""Addresses of what a git repository holds, tracked by DVC or git: `dvc+<repository>//<path>[@<revision>]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from components.shared import git
from components.shared.commands import Deadline
from components.shared.errors import UserError
from components.shared.references import DVC, Reference

LOOK_SECONDS: Final = 60.0
CLONE_SECONDS: Final = 900.0
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class DvcAddress:
    """A path of a revision of a repository."""

    repository: str
    path: str
    revision: str

    @classmethod
    def parse(cls, uri: str, where: str) -> DvcAddress:
        """Reads an address; raises UserError for what is none."""
        text = uri.removeprefix(DVC)
        begin = text.find("://") + 3 if "://" in text else 0
        repository, _, rest = text[begin:].partition("//")
        path, _, revision = rest.partition("@")
        parts = PurePosixPath(path).parts
        if not repository or not parts or ".." in parts or path.startswith("/") or revision.startswith("-"):
            remedy = "give dvc+<repository>//<path> or dvc+<repository>//<path>@<revision>"
            raise UserError(f"{uri!r} names no file of a repository", where=where, remedy=remedy)
        git.check_url(text[:begin] + repository)
        return cls(text[:begin] + repository, PurePosixPath(path).as_posix(), revision)

    @property
    def location(self) -> str:
        """What git is told: a URL, or the whole path of a directory."""
        plain = Path(self.repository).expanduser()
        return str(plain.resolve()) if git.is_path(self.repository) else self.repository


def pin_dvc(uri: str, where: str) -> Reference:
    """Pins an address to the commit that its revision names now; without a revision that of the default branch.

    Raises:
        UserError: if there is no such repository or revision, or it is not open to us.
        RetryError: if it cannot be reached.
    """
    address = DvcAddress.parse(uri, where)
    commit = address.revision if _COMMIT.fullmatch(address.revision) else _commit_of(address, where)
    return Reference(f"{DVC}{address.repository}//{address.path}", "commit", commit)


def run_git(arguments: list[str], cwd: Path, seconds: float, address: DvcAddress, where: str) -> str:
    """What git writes; raises UserError or RetryError in the words of a source."""
    try:
        return git.checked(arguments, cwd, Deadline(seconds), address.repository)
    except UserError as error:
        remedy = "correct the address, or set EVERTUNE_GIT_USERNAME and EVERTUNE_GIT_PASSWORD"
        raise UserError(f"{address.repository}: {error.what}", where=where, remedy=remedy) from None


def _commit_of(address: DvcAddress, where: str) -> str:
    wanted = address.revision or "HEAD"
    names = [wanted, f"refs/tags/{wanted}^{{}}"]
    listed = run_git(["ls-remote", "--", address.location, *names], Path.cwd(), LOOK_SECONDS, address, where)
    found = {name: commit for commit, _, name in (line.partition("\t") for line in listed.splitlines())}
    for name in (f"refs/tags/{wanted}^{{}}", f"refs/tags/{wanted}", f"refs/heads/{wanted}", wanted):
        if name in found:
            return found[name]
    raise UserError(
        f"{address.repository} has no revision {wanted!r}", where=where, remedy="give a branch, a tag or a whole commit"
    )
