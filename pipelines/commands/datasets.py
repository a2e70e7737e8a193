"""`evertune datasets`: the revisions of datasets in the registry."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import add_profile, table
from pipelines.local import local_store

if TYPE_CHECKING:
    from pipelines.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("datasets", help="list dataset revisions, reproduce one byte for byte")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="list the revisions of all datasets")
    listed.set_defaults(run=run_list)
    again = actions.add_parser("reproduce", help="clone the registry, `dvc pull` a revision, prove every byte")
    again.add_argument("--revision", help="such as reviews/v1 (default: the newest of the profile's dataset)")
    again.add_argument("--into", type=Path, help="an empty folder (default: a new one in build/)")
    again.set_defaults(run=run_reproduce)
    for action in (listed, again):
        add_profile(action)


def run_list(arguments: argparse.Namespace) -> None:
    """Prints one line for each revision."""
    from components.shared import registry

    with local_store(arguments.profile) as (_, parameters):
        revisions = registry.revisions(parameters["registry"])
    rows = [(one.revision, one.rows, one.digest[:16], one.dvc_md5, one.time) for one in revisions]
    print(table(("revision", "rows", "digest", "DVC hash", "time"), rows))


def run_reproduce(arguments: argparse.Namespace) -> None:
    """Pulls a revision as anybody would and compares it with its manifest."""
    import tempfile

    from components.shared import registry
    from components.shared.errors import UserError

    with local_store(arguments.profile) as (_, parameters):
        revision = arguments.revision
        if not revision:
            known = registry.revisions(parameters["registry"], parameters["dataset"])
            if not known:
                raise UserError(
                    f"the registry has no dataset {parameters['dataset']!r} yet", remedy="run `make run` first"
                )
            revision = known[-1].revision
        into = arguments.into
        if into is None:
            Path("build").mkdir(exist_ok=True)
            into = Path(tempfile.mkdtemp(prefix="reproduced-", dir="build"))
        facts = registry.reproduce(parameters["registry"], revision, into)
    print(f"{revision}: {facts.rows:,} rows in {facts.shards} shards are byte for byte what was versioned")
    print(f"digest {facts.digest}\nDVC    {facts.dvc_md5}\nin     {facts.directory}")
