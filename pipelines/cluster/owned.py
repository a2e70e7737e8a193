"""Recurring runs that we own: a record in the description says so, and says what they are meant to be.

Kubeflow cannot change a recurring run, and does not keep their names apart; so each is known by its record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipelines.cluster import cron as crons
from pipelines.cluster.connection import Connection, NotThere
from pipelines.cluster.schedules import Schedule

_MARK: Final = "evertune-schedule: "
_TOLD: Final = "Managed by `evertune schedule`: change it in schedules.yaml, not here."


@dataclass(frozen=True)
class Wanted:
    """What a recurring run is meant to be; equal ones need no change.

    Attributes:
        owner: Who manages it.
        name: The schedule's name.
        version: Name of the pipeline version, which tells its content.
        cron: Its ticks in Kubeflow's form and time zone.
        parameters: Those of its runs.
        concurrency: How many of its runs may go on at once.
        catch_up: Whether missed ticks are made up for.
        experiment: Experiment of the runs.
        service_account: Service account of the pods.
    """

    owner: str
    name: str
    version: str
    cron: str
    parameters: Mapping[str, Any]
    concurrency: int
    catch_up: bool
    experiment: str
    service_account: str

    def fields(self) -> dict[str, Any]:
        """What can differ between two of one name."""
        return {name: value for name, value in vars(self).items() if name not in ("owner", "name")}

    def description(self) -> str:
        """What people read in Kubeflow, and the record."""
        return f"{_TOLD}\n{_MARK}{json.dumps(vars(self), sort_keys=True)}"

    def ticks_of(self) -> crons.Cron:
        """Its ticks, in Kubeflow's time zone."""
        return crons.parse(self.cron.removeprefix("0 "), self.name)


@dataclass(frozen=True)
class Owned:
    """A recurring run that is there.

    Attributes:
        id: How Kubeflow knows it.
        wanted: Its record.
        version_id: How Kubeflow knows its pipeline version.
        pipeline_id: How Kubeflow knows its pipeline.
        experiment_id: How Kubeflow knows its experiment.
        enabled: Whether it ticks.
        created: When it was made.
        start: From when on it ticks.
        runnable: Whether Kubeflow still has its version; without it each tick fails.
    """

    id: str
    wanted: Wanted
    version_id: str
    pipeline_id: str
    experiment_id: str
    enabled: bool
    created: datetime
    start: datetime
    runnable: bool = True

    def serves(self, wanted: Wanted) -> bool:
        """Whether it does what is wanted as it is."""
        return self.runnable and self.wanted == wanted


def wanted_of(schedule: Schedule, owner: str, version: str, parameters: Mapping[str, Any], now: datetime) -> Wanted:
    """What the recurring run of a schedule is meant to be, by the offset that its time zone has now.

    Raises:
        UserError: if Kubeflow's time zone has no expression for its ticks.
    """
    where = f"schedules.{schedule.name}.cron"
    offset = now.astimezone(ZoneInfo(schedule.time_zone)).utcoffset() or timedelta()
    return Wanted(
        owner=owner,
        name=schedule.name,
        version=version,
        cron=crons.parse(schedule.cron, where).moved(offset, where).kubeflow(),
        parameters=dict(parameters),
        concurrency=schedule.concurrency,
        catch_up=schedule.catch_up,
        experiment=schedule.experiment,
        service_account=schedule.service_account,
    )


def all_recurring(connection: Connection) -> list[Any]:
    """All recurring runs of the namespace as the API tells them, the oldest first."""
    calls = connection.recurring
    named = {"namespace": connection.namespace or None}
    found = connection.every(calls.recurring_run_service_list_recurring_runs, "recurring_runs", **named)
    return sorted(found, key=lambda one: (one.created_at, one.recurring_run_id))


def owned(connection: Connection, owner: str) -> list[Owned]:
    """The recurring runs of an owner, the oldest first."""
    made = (owned_of(one) for one in all_recurring(connection))
    return [one for one in made if one and one.wanted.owner == owner]


def looked_up(connection: Connection, those: Sequence[Owned]) -> list[Owned]:
    """The same, told whether Kubeflow still has their versions."""
    calls, known = connection.pipelines, dict[str, bool]()
    for one in those:
        if one.version_id not in known:
            try:
                connection.call(calls.pipeline_service_get_pipeline_version, one.pipeline_id, one.version_id)
                known[one.version_id] = True
            except NotThere:
                known[one.version_id] = False
    return [replace(one, runnable=known[one.version_id]) for one in those]


def owned_of(told: Any) -> Owned | None:
    """A recurring run as ours; None if it is not, as a copy that someone made of ours under another name."""
    _, mark, record = (told.description or "").partition(_MARK)
    try:
        wanted = Wanted(**json.loads(record)) if mark else None
    except (ValueError, TypeError):
        wanted = None
    if wanted is None or wanted.name != told.display_name:
        return None
    schedule = told.trigger.cron_schedule if told.trigger else None
    created = _moment(told.created_at)
    return Owned(
        id=told.recurring_run_id,
        wanted=wanted,
        version_id=told.pipeline_version_reference.pipeline_version_id,
        pipeline_id=told.pipeline_version_reference.pipeline_id,
        experiment_id=told.experiment_id,
        enabled=told.mode == "ENABLE",
        created=created,
        start=_moment(schedule.start_time) if schedule and schedule.start_time else created,
    )


def _moment(told: datetime) -> datetime:
    return told if told.tzinfo else told.replace(tzinfo=UTC)
