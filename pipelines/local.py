"""What commands on this machine need: the profile's parameters and its object store."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from components.shared import git
from components.shared.errors import UserError
from components.shared.objects import ObjectStore, open_store
from components.shared.secrets import load_secrets
from pipelines import profiles, store
from pipelines.workspace import HOME

KEEP: Final = HOME / "store" / "keep"
"""Exists while the store is to run on after the command that needed it."""


@contextmanager
def running_store() -> Iterator[None]:
    """Keeps the embedded store running inside the block; the last one to leave stops it, unless it is to be kept."""
    KEEP.parent.mkdir(parents=True, exist_ok=True)
    with (HOME / "store" / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        store.start(HOME)
        try:
            yield
        finally:
            with suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not KEEP.exists():
                    store.stop(HOME)


def registry_of(parameters: Mapping[str, Any]) -> str:
    """The dataset registry of a profile; raises UserError if it is of this machine and nothing was versioned yet."""
    registry = str(parameters["registry"])
    if git.is_path(registry) and not Path(registry).expanduser().exists():
        raise UserError("no dataset is versioned yet", where=registry, remedy="run `make run`, or correct `registry`")
    return registry


@contextmanager
def local_store(profile: str) -> Iterator[tuple[ObjectStore, dict[str, Any]]]:
    """The object store of a profile, open and reachable, with the parameters of the profile."""
    parameters = profiles.load(profile)
    for name in profiles.SHARED:
        if str(parameters[name]).startswith(profiles.LAPTOP):
            parameters[name] = os.path.join(profiles.ROOT, parameters[name])  # noqa: PTH118 - the text of a flag
    with running_store():
        load_secrets()
        yield open_store(parameters["store"]), parameters
