"""`evertune wait`, `status` and `logs`: what runs in a cluster do."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from pipelines.commands import add_connection, at_least, connected, emit, table

if TYPE_CHECKING:
    from pipelines.cluster.connection import Connection
    from pipelines.cluster.runs import Run
    from pipelines.commands import Commands


def add(commands: Commands) -> None:
    """Adds the commands."""
    wait = commands.add_parser("wait", help="wait until a run in a cluster ends; fails if it failed")
    add_waiting(wait)
    wait.set_defaults(run=run_wait)
    status = commands.add_parser("status", help="list the newest runs in a cluster, or the steps of one")
    status.add_argument(
        "--last", type=at_least(1), default=10, metavar="N", help="number of runs to list (default: 10)"
    )
    status.set_defaults(run=run_status)
    logs = commands.add_parser("logs", help="print what a step of a run wrote, where Kubeflow has it")
    logs.set_defaults(run=run_logs)
    for parser in (wait, status, logs):
        parser.add_argument("id", metavar="RUN", nargs="?" if parser is status else None, help="id of the run")
        add_connection(parser)
    logs.add_argument("step", help="such as train")


def add_waiting(parser: argparse.ArgumentParser) -> None:
    """Adds the options of waiting."""
    parser.add_argument(
        "--timeout", type=at_least(0, float), default=86400.0, metavar="SECONDS", help="longest wait (default: a day)"
    )
    parser.add_argument(
        "--every", type=at_least(1, float), default=10.0, metavar="SECONDS", help="between two looks (default: 10)"
    )


def run_wait(arguments: argparse.Namespace) -> None:
    """Waits, telling each change on stderr."""
    ended = waited(arguments, connected(arguments), arguments.id)
    emit(arguments, ended.facts(), f"{ended.id}  {ended.state}\n{ended.url}")


def waited(arguments: argparse.Namespace, connection: Connection, run_id: str) -> Run:
    """The run when it has ended."""
    from pipelines.cluster import runs

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    return runs.wait(connection, run_id, seconds=arguments.timeout, every=arguments.every, tell=tell)


def run_status(arguments: argparse.Namespace) -> None:
    """Prints the newest runs, or one run with its steps."""
    from pipelines.cluster import runs

    connection = connected(arguments)
    if arguments.id:
        one = runs.get(connection, arguments.id)
        steps = table(("step", "state"), list(one.steps.items()))
        told = "\n".join((f"{one.name}  {one.state}", *([one.error] if one.error else []), one.url, "", steps))
        emit(arguments, one.facts(), told)
        return
    found = runs.recent(connection, arguments.last)
    rows = [(one.id, one.name, one.state, one.created) for one in found]
    emit(arguments, [one.facts() for one in found], table(("run", "name", "state", "created"), rows))


def run_logs(arguments: argparse.Namespace) -> None:
    """Prints the log of a step, without secrets that are known here."""
    from components.shared.secrets import redact
    from pipelines.cluster import runs

    text = redact(runs.log(connected(arguments), arguments.id, arguments.step))
    emit(arguments, {"run": arguments.id, "step": arguments.step, "log": text}, text.rstrip("\n"))
