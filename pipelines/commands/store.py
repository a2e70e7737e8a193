"""`evertune store`: the object store embedded for work on one machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("store", help="start or stop the embedded object store")
    parser.add_argument("action", choices=("start", "stop"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Starts the store unless it runs or S3 is configured in the environment, and leaves it running; or stops it."""
    from pipelines import local, store
    from pipelines.workspace import HOME

    if arguments.action == "stop":
        local.KEEP.unlink(missing_ok=True)
        store.stop(HOME)
    else:
        with local.running_store():  # of its users the last one stops it: this one is it, or says first that it stays
            if store.running(HOME):
                local.KEEP.touch()
                print("the object store runs until: evertune store stop")
