"""`evertune gc`: tells what nothing names any more, and deletes it when asked to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands import add_profile, table
from pipelines.local import local_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from components.shared.garbage import Garbage
    from components.shared.objects import ObjectStore
    from pipelines.commands import Commands

LEAST_HOURS = 2.0
"""No writer takes longer from its first byte to the pointer that names it."""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("gc", help="tell what nothing names any more, and delete it")
    add_profile(parser)
    parser.add_argument("--delete", action="store_true", help="delete it; without this nothing is changed")
    parser.add_argument("--keep", type=int, default=3, metavar="N", help="newest checkpoint keys to keep (default: 3)")
    parser.add_argument("--hours", type=float, default=24.0, help="keep what is younger than this (default: 24)")
    parser.add_argument(
        "--registry",
        action="append",
        default=[],
        dest="registries",
        help="another registry that keeps its data in the same store, besides those of params.yaml",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints what is garbage, a line each, and deletes it with --delete."""
    from components.shared.errors import UserError

    if arguments.keep < 0 or not arguments.hours >= LEAST_HOURS:
        raise UserError(
            f"--keep {arguments.keep} --hours {arguments.hours:g} is out of range",
            where="gc",
            remedy=f"keep 0 keys or more, and what is younger than {LEAST_HOURS:g} hours or more",
        )
    with local_store(arguments.profile) as (store, parameters):
        found = list(collect(store, parameters, arguments.registries, arguments.keep, arguments.hours * 3600))
        outcomes = [("deleted" if one.delete() else "kept") if arguments.delete else "" for one in found]
    if found:
        rows = [(one.kind, one.name, f"{one.size:,}", said) for one, said in zip(found, outcomes, strict=True)]
        print(table(("kind", "what", "bytes", ""), rows))
    total = f"{sum(one.size for one in found):,} bytes that nothing names"
    print(total if arguments.delete or not found else f"{total}; nothing is changed without --delete")


def collect(
    store: ObjectStore, parameters: dict[str, Any], registries: list[str], keep: int, age: float
) -> Iterator[Garbage]:
    """All garbage of a profile: in its stores and in what runs left on this machine."""
    from components.shared import garbage
    from components.shared.objects import open_store
    from pipelines import leftovers, profiles, workspace

    if exists(parameters["registry"]):
        others = {*registries, *registries_of_profiles()} - {parameters["registry"]}
        yield from garbage.dataset_objects(parameters["registry"], sorted(others), age)
    yield from garbage.models(store, age)
    yield from garbage.kept_work(store, age)
    yield from garbage.predictions(store, age)
    yield from garbage.checkpoints(open_store(parameters["checkpoints"]), keep, age)
    workspaces = [lock.parent for lock in sorted(workspace.HOME.glob("*/dvc.lock"))]
    yield from leftovers.caches([*workspaces, profiles.ROOT], age)
    yield from leftovers.directories(workspace.HOME, age)


def registries_of_profiles() -> set[str]:
    """The registries that params.yaml names and that exist."""
    import yaml

    from pipelines.profiles import LAPTOP, ROOT

    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    named = {values["registry"], *(p["registry"] for p in values["profiles"].values() if "registry" in p)}
    places = {str(ROOT / name) if name.startswith(LAPTOP) else name for name in named}
    return {place for place in places if exists(place)}


def exists(registry: str) -> bool:
    """Whether there is such a registry; one on another machine is taken to be there, and is asked."""
    from components.shared import git

    return not git.is_path(registry) or Path(registry).expanduser().exists()
