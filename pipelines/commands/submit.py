"""`evertune submit`: a run of a pipeline in a cluster."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pipelines.commands import add_connection, connected, emit
from pipelines.commands.runs import add_waiting, waited
from pipelines.commands.upload import NAMES, add_source, compiled

if TYPE_CHECKING:
    from pipelines.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("submit", help="run a pipeline in a cluster; uploads it first if needed")
    parser.add_argument("name", nargs="?", default="retrain", metavar="PIPELINE", help=f"one of {', '.join(NAMES)}")
    parser.add_argument(
        *("--param", "-p"),
        action="append",
        default=[],
        dest="parameters",
        metavar="NAME=VALUE",
        help="a parameter of the run; lists and mappings as JSON",
    )
    parser.add_argument("--experiment", default="evertune", help="experiment of the run (default: evertune)")
    parser.add_argument("--service-account", default="", help="service account of the pods (default: the cluster's)")
    parser.add_argument("--wait", action="store_true", help="wait until the run ends")
    add_waiting(parser)
    add_source(parser)
    add_connection(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Checks everything that can be checked here, then starts the run."""
    from pipelines.cluster import runs
    from pipelines.cluster.parameters import check, check_place
    from pipelines.cluster.uploads import upload
    from pipelines.compiler import read

    check_place(arguments.experiment, arguments.service_account, "submit: ")
    with compiled(arguments, [arguments.name]) as (file,):
        parameters = check(read(file)[0], _given(arguments.parameters), "--param")
        connection = connected(arguments)
        version = upload(connection, file)
    started = runs.submit(
        connection,
        version,
        parameters,
        experiment=arguments.experiment,
        service_account=arguments.service_account,
    )
    ended = waited(arguments, connection, started.id) if arguments.wait else started
    emit(arguments, ended.facts(), f"{ended.id}  {ended.state}\n{ended.url}")


def _given(texts: list[str]) -> dict[str, str]:
    from components.shared.errors import UserError

    given = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or name in given:
            what = "is given twice" if equals else "is not NAME=VALUE"
            raise UserError(f"{name} {what}", where="--param", remedy="give NAME=VALUE, each name once")
        given[name] = value
    return given
