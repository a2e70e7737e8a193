"""Finds out whether the dataset registry answers, which `version` and `fetch` need hours later."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from components.shared import git
from components.shared.commands import Deadline

SECONDS: Final = 60.0


def check_registry(registry: str) -> None:
    """Asks a registry for its revisions; one that is a directory is left to `version`, which makes it.

    Raises:
        UserError: if it is none, or refuses.
        RetryError: if it does not answer.
    """
    if registry and not git.is_path(registry):
        with tempfile.TemporaryDirectory(prefix="evertune-registry-") as place:
            git.checked(["ls-remote", "--quiet", registry], Path(place), Deadline(SECONDS), registry)
