"""Carries out a plan, so that no tick is lost or doubled and no run is killed, and so that it can be repeated.

Kubeflow cannot change a recurring run, and deleting one kills its runs. A changed one is replaced in steps, each of
which a later `apply` finds done:

1. wait for a moment without ticks, as Kubeflow needs some seconds for each;
2. make the new one, disabled, ticking from now on;
3. disable the old one; should it have ticked since, make the new one again, ticking from there on;
4. enable the new one: Kubeflow makes up for the tick that it may have missed meanwhile;
5. delete the old one, as soon as none of its runs goes on: perhaps in a later `apply`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pipelines.cluster import runs
from pipelines.cluster.connection import Connection
from pipelines.cluster.lock import Lock
from pipelines.cluster.owned import Owned, Wanted, owned, owned_of
from pipelines.cluster.plan import NOTHING, Change
from pipelines.cluster.uploads import Version

SETTLE: Final = timedelta(seconds=60)
"""How long Kubeflow may take from a tick to its run."""
ORPHAN: Final = "ORPHAN"
"""Asks a Kubeflow that knows the word to leave the runs of a recurring run alone when it deletes it."""


class Applier:
    """Carries out changes while a lock is held.

    Args:
        connection: Where.
        lock: The lock of the schedules' owner.
        versions: Where the cluster has each version, by its name.
        tell: Is told each step.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        connection: Connection,
        lock: Lock,
        versions: Callable[[str], Version],
        tell: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection, self._lock, self._versions, self._tell, self._sleep = connection, lock, versions, tell, sleep

    def apply(self, change: Change) -> None:
        """Makes one schedule what it is meant to be."""
        if change.kind == NOTHING:
            return
        self._lock.check()
        self._tell(f"{change.name}: {change.kind}")
        if change.wanted is None:
            self._retire(list(change.have))
            return
        equal = [one for one in change.have if one.serves(change.wanted)]
        old = [one for one in change.have if not one.serves(change.wanted)]
        self._drop(equal[1:])
        current = equal[0] if equal else None
        if current and change.enabled and not current.enabled and not old and self._missed(current):
            old, current = [current], None  # enabled as it is, it would make up for a tick of its pause
        ticking = any(one.enabled for one in old)
        if current is None:
            self._wait_for_quiet(old)
            current = self._create(change.wanted, self._connection.now() if old else None)
        self._disable(old)
        if ticking or not current.enabled:
            current = self._take_over_ticks(current, old)
        if current.enabled != change.enabled:
            self._switch(current, change.enabled)
        self._retire(old)

    def _missed(self, one: Owned) -> bool:
        """Whether it has ticked while it was disabled; one that catches up is meant to make up for it."""
        now = self._connection.now()
        since = max([one.start, *self._ticked(one)])
        return not one.wanted.catch_up and next(one.wanted.ticks_of().ticks(since.astimezone(UTC)), now) < now

    def _take_over_ticks(self, current: Owned, old: list[Owned]) -> Owned:
        """The new one, starting behind the last tick that an old one has carried out."""
        last = max((tick for one in old for tick in self._ticked(one)), default=current.start)
        if last <= current.start or current.enabled:
            return current
        made = self._create(current.wanted, last)
        self._drop([current])
        return made

    def _ticked(self, one: Owned) -> list[datetime]:
        """The scheduled times of its runs."""
        found = runs.of_recurring(self._connection, one.id, one.experiment_id)
        return [run.scheduled_at for run in found if run.scheduled_at]

    def _wait_for_quiet(self, old: list[Owned]) -> None:
        """Waits until no old one ticks within SETTLE before or after."""
        for one in old:
            while one.enabled:
                now = self._connection.now()
                near = next(one.wanted.ticks_of().ticks(now.astimezone(UTC) - SETTLE), now + 2 * SETTLE)
                if near > now + SETTLE:
                    break
                seconds = (near + SETTLE - now).total_seconds() + 1
                self._tell(f"{one.wanted.name}: waiting {seconds:.0f} s, for it ticks at {near:%H:%M} UTC")
                self._sleep(seconds)

    def _create(self, wanted: Wanted, start: datetime | None) -> Owned:
        """Makes a disabled recurring run, once."""
        before = {one.id for one in owned(self._connection, wanted.owner)}

        def known() -> Any:
            found = [one for one in owned(self._connection, wanted.owner) if one.wanted == wanted]
            new = [one for one in found if one.id not in before]
            return (
                self._connection.call(self._calls.recurring_run_service_get_recurring_run, new[0].id) if new else None
            )

        body = self._body(wanted, start)
        create = self._calls.recurring_run_service_create_recurring_run
        made = owned_of(runs.once(self._connection, create, body, known))
        assert made is not None, "Kubeflow gave back another description"
        return made

    def _body(self, wanted: Wanted, start: datetime | None) -> Any:
        import kfp_server_api as api

        version = self._versions(wanted.version)
        return api.V2beta1RecurringRun(
            display_name=wanted.name,
            description=wanted.description(),
            experiment_id=runs.experiment_id(self._connection, wanted.experiment),
            mode=api.RecurringRunMode.DISABLE,
            pipeline_version_reference=api.V2beta1PipelineVersionReference(
                pipeline_id=version.pipeline_id, pipeline_version_id=version.version_id
            ),
            runtime_config=api.V2beta1RuntimeConfig(parameters=dict(wanted.parameters)),
            trigger=api.V2beta1Trigger(cron_schedule=api.V2beta1CronSchedule(cron=wanted.cron, start_time=start)),
            max_concurrency=str(wanted.concurrency),
            no_catchup=not wanted.catch_up,
            service_account=wanted.service_account or None,
        )

    def _disable(self, those: list[Owned]) -> None:
        for one in those:
            if one.enabled:
                self._switch(one, False)

    def _switch(self, one: Owned, enabled: bool) -> None:
        calls = self._calls
        switch = (
            calls.recurring_run_service_enable_recurring_run
            if enabled
            else calls.recurring_run_service_disable_recurring_run
        )
        self._connection.call(switch, one.id)

    def _retire(self, those: list[Owned]) -> None:
        """Disables recurring runs, and deletes those of which no run goes on."""
        self._disable(those)
        for one in those:
            going_on = [
                run
                for run in runs.of_recurring(self._connection, one.id, one.experiment_id)
                if run.state not in runs.ENDED
            ]
            if going_on:
                self._tell(
                    f"{one.wanted.name}: the old one is disabled; it goes when its run {going_on[0].run_id} ends"
                )
            else:
                self._drop([one])

    def _drop(self, those: list[Owned]) -> None:
        for one in those:
            self._connection.call(
                self._calls.recurring_run_service_delete_recurring_run, one.id, propagation_policy=ORPHAN
            )

    @property
    def _calls(self) -> Any:
        return self._connection.recurring
