"""What commands on this machine need: the profile's parameters and its object store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from components.shared.objects import ObjectStore, open_store
from components.shared.secrets import load_secrets
from pipelines import profiles, store
from pipelines.workspace import HOME


@contextmanager
def running_store() -> Iterator[None]:
    """Keeps the embedded store running inside the block, and stops it if it did not run before."""
    ran = store.running(HOME)
    store.start(HOME)
    try:
        yield
    finally:
        if not ran:
            store.stop(HOME)


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
