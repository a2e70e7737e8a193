"""`evertune upload`: the pipelines in a cluster, a version for each content."""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import add_connection, add_profile, connected, emit, table
from pipelines.commands.compile_pipelines import add_placement

if TYPE_CHECKING:
    from pipelines.commands import Commands

NAMES = ("prepare_data", "train_model", "retrain")


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("upload", help="compile the pipelines and upload what the cluster does not have")
    parser.add_argument("names", nargs="*", metavar="PIPELINE", help=f"some of {', '.join(NAMES)} (default: all)")
    add_source(parser)
    add_connection(parser)
    parser.set_defaults(run=run)


def add_source(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say what is uploaded."""
    add_profile(parser)
    group = parser.add_argument_group("images")
    group.add_argument("--images", type=Path, help="references of the images (default: build/images.json if there)")
    group.add_argument("--allow-tags", action="store_true", help="accept images that are not named by digest")
    add_placement(parser)


def run(arguments: argparse.Namespace) -> None:
    """Uploads, then prints the versions."""
    from pipelines.cluster.uploads import upload

    with compiled(arguments, arguments.names or NAMES) as files:
        connection = connected(arguments)
        versions = [upload(connection, file) for file in files]
    rows = [(one.pipeline, one.name, "uploaded" if one.new else "was there") for one in versions]
    emit(arguments, [dataclasses.asdict(one) for one in versions], table(("pipeline", "version", ""), rows))


@contextmanager
def compiled(arguments: argparse.Namespace, names: list[str] | tuple[str, ...]) -> Iterator[list[Path]]:
    """The compiled pipelines of these names, checked for images by tag."""
    from components.shared.errors import UserError
    from pipelines import images, placement, profiles

    if unknown := sorted(set(names) - set(NAMES)):
        raise UserError(f"no pipeline {unknown[0]!r}", where="pipeline", remedy=f"use one of: {', '.join(NAMES)}")
    images.use(arguments.images or (images.RECORD if images.RECORD.exists() else None))
    placement.use(arguments.queue, arguments.priority, arguments.pull_secret)
    from pipelines.cluster.parameters import check_images
    from pipelines.compiler import compile_all, read
    from pipelines.flow import Shares

    shares = Shares(arguments.shares, arguments.shares_at_once)
    with tempfile.TemporaryDirectory(prefix="evertune-compiled-") as place:
        chosen = compile_all(profiles.load(arguments.profile), Path(place), names, shares)
        for path in chosen:
            if not arguments.allow_tags:
                check_images(read(path)[0])
        yield chosen
