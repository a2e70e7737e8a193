"""Git with credentials from the environment, no questions asked, and errors for people.

EVERTUNE_GIT_USERNAME and EVERTUNE_GIT_PASSWORD (a password or token) answer servers that ask;
EVERTUNE_GIT_AUTHOR, as `Name <address>`, signs the commits.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from components.shared.commands import Deadline, Outcome, program, run
from components.shared.errors import EvertuneError, RetryError, UserError

DEFAULT_AUTHOR: Final = "Evertune <evertune@localhost>"
# Git runs this and reads the answer from a pipe: the secret is in no argument, no file and no URL.
_HELPER = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" '
    '"$EVERTUNE_GIT_USERNAME" "$EVERTUNE_GIT_PASSWORD"; }; f'
)
# What a person has configured for own work must not sign, hook, convert or rewrite ours.
_SETTINGS = {
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "core.hooksPath": os.devnull,
    "core.autocrlf": "false",
    "core.excludesFile": os.devnull,
    "core.attributesFile": os.devnull,
    "gc.auto": "0",
    "advice.detachedHead": "false",
}
_OF_A_REPOSITORY = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
)
_DENIED = re.compile(
    r"authentication failed|could not read (username|password)|permission denied|access denied|error: 40[13]"
    r"|invalid credentials|host key verification failed|hook declined|protected branch|dubious ownership",
    re.IGNORECASE,
)
_ABSENT = re.compile(r"does not appear to be a git repo|not found|does not exist|not a git repository", re.IGNORECASE)


def check_url(registry: str) -> None:
    """Refuses an address that holds a password: a parameter is public."""
    if "://" in registry and urlsplit(registry).password:
        raise UserError(
            "the address holds a password",
            where="registry",
            remedy="take it out and set EVERTUNE_GIT_USERNAME and EVERTUNE_GIT_PASSWORD",
        )


def is_path(registry: str) -> bool:
    """Whether the registry is a directory of this machine, not a URL or `host:path`."""
    return "://" not in registry and (":" not in registry.split("/", maxsplit=1)[0] or Path(registry).exists())


def environment() -> dict[str, str]:
    """The environment for git: nothing of a repository around us, no questions, an author."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}
    kept |= {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh", "LC_ALL": "C"}
    kept.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    name, address = _author()
    for role in ("AUTHOR", "COMMITTER"):
        kept.setdefault(f"GIT_{role}_NAME", name)
        kept.setdefault(f"GIT_{role}_EMAIL", address)
    return kept


def git(arguments: list[str], cwd: Path, deadline: Deadline, stdin: bytes = b"") -> Outcome:
    """Runs git, whatever its exit code."""
    settings = [f"{name}={value}" for name, value in _SETTINGS.items()]
    if os.environ.get("EVERTUNE_GIT_PASSWORD"):
        settings += ["credential.helper=", f"credential.helper={_HELPER}"]
    given = [word for setting in settings for word in ("-c", setting)]
    return run([program("git"), *given, *arguments], f"git {arguments[0]}", deadline, cwd, environment(), stdin)


def checked(arguments: list[str], cwd: Path, deadline: Deadline, registry: str = "", stdin: bytes = b"") -> str:
    """Runs git and returns what it wrote.

    Args:
        arguments: The command and its arguments.
        cwd: Where to run it.
        deadline: When to give up.
        registry: The address it talks to, for the error.
        stdin: What it reads.

    Raises:
        UserError: if the registry refuses or is none.
        RetryError: if it failed for another reason.
    """
    outcome = git(arguments, cwd, deadline, stdin)
    if outcome.code:
        raise error_of(outcome, registry or str(cwd))
    return outcome.out


def error_of(outcome: Outcome, where: str) -> EvertuneError:
    """What a failure of git means to the person who ran the step."""
    fatal = [line for line in outcome.err.splitlines() if line.startswith(("fatal:", "error:", "remote:", " ! "))]
    said = Outcome(outcome.code, "", "\n".join(fatal[:1]) or outcome.err).last_line
    if _DENIED.search(outcome.err):
        return UserError(
            f"the registry refused: {said}",
            where=where,
            remedy="check EVERTUNE_GIT_USERNAME, EVERTUNE_GIT_PASSWORD and the rights they give",
        )
    if _ABSENT.search(outcome.err):
        return UserError(f"no git repository: {said}", where=where, remedy="correct `registry`")
    return RetryError(f"git failed: {said}", where=where, remedy="check that the registry answers and run again")


def _author() -> tuple[str, str]:
    given = os.environ.get("EVERTUNE_GIT_AUTHOR", DEFAULT_AUTHOR)
    match = re.fullmatch(r"\s*([^<>\n]+?)\s*<([^<>\s]+)>\s*", given)
    if not match:
        raise UserError(f"{given!r} is not an author", where="EVERTUNE_GIT_AUTHOR", remedy="give `Name <address>`")
    return match[1], match[2]
