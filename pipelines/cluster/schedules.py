"""schedules.yaml: which pipelines run when, read and checked before a cluster is asked anything.

owner: evertune               # who manages these schedules; what others own is left alone
schedules:
  reviews-weekly:
    pipeline: retrain
    cron: 0 3 * * MON         # five fields
    time_zone: Europe/Berlin
    parameters: {source: s3://evertune/sources/reviews.csv}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from components.shared.errors import UserError
from pipelines import documents
from pipelines.cluster import cron
from pipelines.cluster.parameters import check, check_place

FOLLOW, KEEP = "follow", "keep"
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A schedule as schedules.yaml has it.

    Attributes:
        name: Its name.
        pipeline: prepare_data, train_model or retrain.
        cron: When it runs: minute, hour, day of month, month, day of week.
        time_zone: Whose clock `cron` is about.
        parameters: Parameters of the runs; the others have the defaults of the compiled pipeline.
        enabled: Whether it runs.
        concurrency: How many of its runs may go on at once.
        catch_up: Whether ticks that were missed are made up for, one run each.
        new_version: What happens when the pipeline's content changes: `follow` takes it, `keep` stays.
        experiment: Experiment of the runs.
        service_account: Service account of the pods; empty leaves it to the cluster.
    """

    name: str
    pipeline: str
    cron: str
    time_zone: str = "UTC"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    enabled: bool = True
    concurrency: int = 1
    catch_up: bool = False
    new_version: str = FOLLOW
    experiment: str = "evertune"
    service_account: str = ""


@dataclass(frozen=True)
class Schedules:
    """The content of schedules.yaml: who owns the schedules, and the schedules by name."""

    owner: str
    schedules: Mapping[str, Schedule]


def load(path: Path, pipelines: tuple[str, ...]) -> Schedules:
    """Reads schedules.yaml and checks all that needs no compiled pipeline.

    Raises:
        UserError: naming the schedule, the key and the value that is wrong.
    """
    content = documents.read(path)
    if not isinstance(content, dict) or not isinstance(content.get("schedules"), dict):
        raise UserError("has no mapping `schedules`", where=str(path), remedy="see docs/reference/schedules.md")
    _check_names(content, ("owner", "schedules"), path.name)
    owner = content.get("owner", "evertune")
    _check_name(owner, f"{path.name}: owner")
    return Schedules(
        owner, {name: _schedule(name, one, pipelines, path.name) for name, one in content["schedules"].items()}
    )


def check_parameters(schedule: Schedule, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The schedule's parameters in the types of its compiled pipeline; raises UserError."""
    return check(spec, schedule.parameters, f"schedules.{schedule.name}.parameters")


def _schedule(name: Any, values: Any, pipelines: tuple[str, ...], file: str) -> Schedule:
    where = f"{file}: schedules.{name}"
    _check_name(name, where)
    if not isinstance(values, dict):
        raise UserError("is not a mapping", where=where, remedy="give `key: value` lines")
    known = [one.name for one in fields(Schedule) if one.name != "name"]
    _check_names(values, known, where)
    for key in ("pipeline", "cron"):
        if key not in values:
            raise UserError(f"{key} is missing", where=where, remedy=f"add `{key}: ...`")
    made = Schedule(name=name, **values)
    for key, (right, remedy) in _checks(pipelines).items():
        value = getattr(made, key)
        if not right(value):
            raise UserError(f"{value!r} is wrong", where=f"{where}.{key}", remedy=remedy)
    check_place(made.experiment, made.service_account, f"{where}.")
    cron.zone(made.time_zone, f"{where}.time_zone")
    cron.parse(made.cron, f"{where}.cron")
    return made


def _checks(pipelines: tuple[str, ...]) -> dict[str, tuple[Callable[[Any], bool], str]]:
    def truth(value: Any) -> bool:
        return isinstance(value, bool)

    def text(value: Any) -> bool:
        return isinstance(value, str)

    return {
        "pipeline": (lambda value: value in pipelines, f"use one of: {', '.join(pipelines)}"),
        "parameters": (lambda value: isinstance(value, dict), "give a mapping of names to values"),
        "enabled": (truth, "give true or false"),
        "catch_up": (truth, "give true or false"),
        "concurrency": (lambda value: not truth(value) and isinstance(value, int) and 1 <= value <= 10, "give 1 to 10"),
        "new_version": (lambda value: value in (FOLLOW, KEEP), f"use one of: {FOLLOW}, {KEEP}"),
        "experiment": (text, "give a text"),
        "service_account": (text, "give a text"),
    }


def _check_name(name: Any, where: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is not a name", where=where, remedy="use a-z, 0-9 and -, at most 63 of them")


def _check_names(values: Mapping[Any, Any], known: tuple[str, ...] | list[str], where: str) -> None:
    for name in values:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            remedy = f"did you mean {near[0]}?" if near else f"use one of: {', '.join(known)}"
            raise UserError(f"unknown key {name!r}", where=where, remedy=remedy)
