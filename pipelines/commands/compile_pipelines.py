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
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compiles all pipelines with the profile's values as defaults."""
    from pipelines import images, profiles

    images.use(arguments.images)
    from pipelines.compiler import compile_all

    for path in compile_all(profiles.load(arguments.profile), arguments.into):
        print(path)
