"""`evertune compile`: the pipelines as Kubeflow YAML."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import add_profile

if TYPE_CHECKING:
    from pipelines.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("compile", help="compile the pipelines to Kubeflow YAML")
    add_profile(parser)
    parser.add_argument("--into", type=Path, default=Path("build"), help="directory of the files (default: build)")
    parser.add_argument(
        "--images", type=Path, help="references of the images, such as build/images.json (default: tags)"
    )
    add_placement(parser)
    parser.set_defaults(run=run)


def add_placement(parser: argparse.ArgumentParser) -> None:
    """Adds the options that hold for all runs of what is compiled (see `pipelines.placement`)."""
    group = parser.add_argument_group("placement")
    group.add_argument("--queue", default="", help="Kueue's LocalQueue that admits the pods (default: none)")
    group.add_argument("--priority", default="", help="Kueue's WorkloadPriorityClass of the pods (default: none)")
    group.add_argument("--shares", type=int, default=1, help="pods over which `clean` is fanned out (default: 1)")
    group.add_argument("--shares-at-once", type=int, default=0, help="how many of them at a time (default: no limit)")
    group.add_argument("--pull-secret", action="store_true", help="pull images with the Secret evertune-registry")


def run(arguments: argparse.Namespace) -> None:
    """Compiles all pipelines with the profile's values as defaults."""
    from pipelines import images, placement, profiles

    images.use(arguments.images)
    placement.use(arguments.queue, arguments.priority, arguments.pull_secret)
    from pipelines.compiler import compile_all
    from pipelines.flow import Shares

    shares = Shares(arguments.shares, arguments.shares_at_once)
    for path in compile_all(profiles.load(arguments.profile), arguments.into, shares=shares):
        print(path)
