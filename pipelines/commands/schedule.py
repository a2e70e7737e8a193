"""`evertune schedule`: recurring runs as schedules.yaml declares them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.commands import add_connection, connected, emit, table
from pipelines.commands.upload import NAMES, add_source, compiled

if TYPE_CHECKING:
    from pipelines.cluster.connection import Connection
    from pipelines.cluster.owned import Owned, Wanted
    from pipelines.cluster.plan import Change
    from pipelines.cluster.schedules import Schedule, Schedules
    from pipelines.cluster.uploads import Version
    from pipelines.commands import Commands

FILE = Path("schedules.yaml")


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("schedule", help="recurring runs as schedules.yaml declares them")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, action, meaning in (
        ("apply", run_apply, "make the cluster what the file says; shows the plan first"),
        ("diff", run_diff, "tell what apply would change; exit code 1 if anything"),
    ):
        one = actions.add_parser(name, help=meaning)
        one.add_argument("--file", type=Path, default=FILE, help=f"the file (default: {FILE})")
        add_source(one)
        add_connection(one)
        one.set_defaults(run=action)
    listed = actions.add_parser("list", help="list all recurring runs, also those of others")
    listed.set_defaults(run=run_list)
    add_connection(listed)
    for name, meaning in (
        ("pause", "disable a schedule until the next apply (to keep it so: enabled: false in the file)"),
        ("resume", "enable a schedule; ticks of the pause are not made up for"),
        ("delete", "delete a schedule, but no run that goes on"),
    ):
        one = actions.add_parser(name, help=meaning)
        one.add_argument("name", help="the schedule")
        one.add_argument("--owner", default="evertune", help="who manages it (default: evertune)")
        add_connection(one)
        one.set_defaults(run=run_one, action=name)


def run_apply(arguments: argparse.Namespace) -> None:
    """Shows the plan, then carries it out."""
    from pipelines.cluster.apply import Applier
    from pipelines.cluster.lock import locked
    from pipelines.cluster.plan import NOTHING

    with _declared(arguments) as (declared, files):
        connection = connected(arguments)
        with locked(connection, declared.owner) as lock:
            changes = _plan(connection, declared, files)
            _tell(_table(changes))
            applier = Applier(connection, lock, _versions(connection, files), _tell)
            for change in changes:
                applier.apply(change)
    changed = [one for one in changes if one.kind != NOTHING]
    emit(
        arguments, _facts(changes), f"{len(changed)} of {len(changes)} schedules changed" if changed else "nothing new"
    )


def run_diff(arguments: argparse.Namespace) -> None:
    """Prints the plan; ends with 1 if it changes anything."""
    from pipelines.cluster.plan import NOTHING

    with _declared(arguments) as (declared, files):
        changes = _plan(connected(arguments), declared, files)
    emit(arguments, _facts(changes), _table(changes))
    if any(one.kind != NOTHING for one in changes):
        sys.exit(1)


def run_list(arguments: argparse.Namespace) -> None:
    """Prints one line for each recurring run."""
    from pipelines.cluster.owned import all_recurring, owned_of

    rows = []
    for one in all_recurring(connected(arguments)):
        ours = owned_of(one)
        ticks = one.trigger.cron_schedule.cron if one.trigger and one.trigger.cron_schedule else "periodic"
        owner, version = (ours.wanted.owner, ours.wanted.version) if ours else ("-", "-")
        rows.append((one.display_name, owner, "on" if one.mode == "ENABLE" else "off", ticks, version))
    headers = ("name", "owner", "state", "ticks", "version")
    emit(arguments, [dict(zip(headers, row, strict=True)) for row in rows], table(headers, rows))


def run_one(arguments: argparse.Namespace) -> None:
    """Pauses, resumes or deletes one schedule."""
    from components.shared.errors import UserError
    from pipelines.cluster import plan
    from pipelines.cluster.apply import Applier
    from pipelines.cluster.lock import locked
    from pipelines.cluster.owned import owned

    connection = connected(arguments)
    with locked(connection, arguments.owner) as lock:
        have = tuple(one for one in owned(connection, arguments.owner) if one.wanted.name == arguments.name)
        if not have:
            raise UserError(
                f"{arguments.owner} has no schedule {arguments.name!r}", remedy="see `evertune schedule list`"
            )
        kind = {"pause": plan.PAUSE, "resume": plan.RESUME, "delete": plan.DELETE}[arguments.action]
        wanted = None if kind == plan.DELETE else have[-1].wanted
        change = plan.Change(arguments.name, kind, wanted, kind == plan.RESUME, have)
        Applier(connection, lock, lambda _: _version_of(have[-1]), _tell).apply(change)
    emit(arguments, _facts([change]), f"{arguments.name}: {kind} done")


@contextmanager
def _declared(arguments: argparse.Namespace) -> Iterator[tuple[Schedules, dict[str, Path]]]:
    """The file's content, checked against the compiled pipelines, which are there inside the block."""
    from pipelines.cluster import schedules
    from pipelines.compiler import read

    declared = schedules.load(arguments.file, NAMES)
    needed = sorted({one.pipeline for one in declared.schedules.values()})
    with compiled(arguments, needed) as paths:
        files = dict(zip(needed, paths, strict=True))
        for one in declared.schedules.values():
            schedules.check_parameters(one, read(files[one.pipeline])[0])
        yield declared, files


def _plan(connection: Connection, declared: Schedules, files: dict[str, Path]) -> list[Change]:
    from pipelines.cluster.owned import looked_up, owned
    from pipelines.cluster.plan import plan

    have, now = looked_up(connection, owned(connection, declared.owner)), connection.now()
    wanted = {
        name: (_wanted(one, declared.owner, files, have, now), one.enabled) for name, one in declared.schedules.items()
    }
    return plan(wanted, have)


def _wanted(schedule: Schedule, owner: str, files: dict[str, Path], have: list[Owned], now: Any) -> Wanted:
    from pipelines.cluster.owned import wanted_of
    from pipelines.cluster.schedules import KEEP, check_parameters
    from pipelines.cluster.uploads import version_name
    from pipelines.compiler import read

    parameters = check_parameters(schedule, read(files[schedule.pipeline])[0])
    version = version_name(files[schedule.pipeline])
    before = [one for one in have if one.wanted.name == schedule.name]
    if schedule.new_version == KEEP and before and _pipeline_of(before[-1].wanted.version) == _pipeline_of(version):
        version = before[-1].wanted.version
        _check_there(before[-1], schedule.name)
    return wanted_of(schedule, owner, version, parameters, now)


def _pipeline_of(version: str) -> str:
    return version.rpartition("-")[0]


def _check_there(kept: Owned, name: str) -> None:
    """Raises UserError if the version that a schedule keeps has vanished."""
    from components.shared.errors import UserError

    if not kept.runnable:
        raise UserError(
            f"the version {kept.wanted.version}, which it keeps, has vanished",
            where=f"schedules.{name}",
            remedy="set `new_version: follow` to take the present one",
        )


def _versions(connection: Connection, files: dict[str, Path]) -> Callable[[str], Version]:
    """Finds versions by name when they are needed: the present ones are uploaded then, unless they are there."""
    from pipelines.cluster.uploads import find, pipeline_id, upload, version_name

    present = {version_name(path): path for path in files.values()}

    def version(name: str) -> Version:
        if name in present:
            return upload(connection, present[name])
        pipeline = _pipeline_of(name)
        found = find(connection, pipeline, pipeline_id(connection, pipeline), name)
        assert found is not None, f"{name} was checked to be there"
        return found

    return version


def _version_of(one: Owned) -> Version:
    from pipelines.cluster.uploads import Version

    return Version(_pipeline_of(one.wanted.version), one.wanted.version, one.pipeline_id, one.version_id)


def _table(changes: list[Change]) -> str:
    return table(("schedule", "change", "details"), [(one.name, one.kind, one.details) for one in changes])


def _facts(changes: list[Change]) -> list[dict[str, str]]:
    return [{"schedule": one.name, "change": one.kind, "details": one.details} for one in changes]


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
