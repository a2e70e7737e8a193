"""`evertune train-status`: how far trainings are, told from the store of their checkpoints alone."""

from __future__ import annotations

import argparse
import dataclasses
import time
from typing import TYPE_CHECKING, Any

from pipelines.commands import add_output, add_profile, emit, table
from pipelines.local import local_store

if TYPE_CHECKING:
    from types import ModuleType

    from pipelines.commands import Commands

SHOWN = 10
MINUTE, HOUR, DAY = 60, 3600, 86400


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("train-status", help="show step, loss, rate and checkpoint of running trainings")
    add_profile(parser)
    parser.add_argument("--checkpoints", default="", help="s3://bucket/prefix or a directory (default: the profile's)")
    parser.add_argument("--all", action="store_true", help=f"show all trainings, not the newest {SHOWN}")
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints one line for each training, the one that was seen last first."""
    from components.shared.errors import UserError
    from components.shared.objects import open_store
    from pipelines.steps import module_of

    status = module_of("train", "status")
    with local_store(arguments.profile) as (_, parameters):
        place = arguments.checkpoints or parameters["checkpoints"]
        found = status.trainings(open_store(place))
    if not found:
        raise UserError("there is no training", where=f"checkpoints {place}", remedy="see the profile's checkpoints")
    chosen = found if arguments.all else found[:SHOWN]
    emit(arguments, [dataclasses.asdict(one) for one in chosen], _text(chosen, status))


def _text(trainings: list[Any], status: ModuleType) -> str:
    headers = ("training", "data", "state", "step", "loss", "rate", "steps/s", "left", "checkpoint", "by")
    return table(headers, [_line(one, one.state == status.RUNNING) for one in trainings])


def _line(one: Any, running: bool) -> tuple[object, ...]:
    facts, now = one.facts, time.time()
    total = facts.get("total_steps")
    share = f"/{total} ({facts['step'] / total:.0%})" if total else ""
    return (
        one.key[:12],
        facts.get("revision") or facts.get("dataset") or "-",
        one.state,
        f"{facts['step']}{share}",
        f"{facts['loss']:.4f}" if "loss" in facts else "-",
        f"{facts['learning_rate']:.2g}" if "learning_rate" in facts else "-",
        f"{facts['steps_per_second']:.2f}" if running and "steps_per_second" in facts else "-",
        span(facts["seconds_left"]) if running and "seconds_left" in facts else "-",
        "none yet" if one.checkpoint_step is None else f"{one.checkpoint_step}, {span(now - one.checkpoint_time)} ago",
        one.holder or "-",
    )


def span(seconds: float) -> str:
    """A length of time in its greatest unit."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
