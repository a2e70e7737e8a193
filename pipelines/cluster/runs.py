"""Runs of pipelines: starts one, waits for it, tells its steps and what they wrote."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final

from components.shared.errors import EvertuneError, RetryError, UserError
from pipelines.cluster.connection import PAGE, Conflict, Connection
from pipelines.cluster.uploads import Version
from pipelines.steps import STEPS, share_of

ENDED: Final = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
LOGS: Final = ("v2beta1", "v1alpha1")
"""Versions of the API under which Kubeflow offers logs, the newest first."""
_SHOWN: Final = tuple(name for step in STEPS for name in (share_of(step), step))
_URGENT: Final = {"SUCCEEDED": 0, "SKIPPED": 0, "FAILED": 2}


@dataclass(frozen=True)
class Run:
    """A run, as far as people ask.

    Attributes:
        id: How Kubeflow knows it.
        name: Its name.
        state: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED, ...
        created: When it was made.
        ended: When it ended; empty while it goes on.
        error: What Kubeflow says went wrong.
        steps: State of each step that has one.
        url: Its page.
    """

    id: str
    name: str
    state: str
    created: str
    ended: str
    error: str
    steps: Mapping[str, str]
    url: str

    @property
    def going_on(self) -> bool:
        """Whether it has not ended."""
        return self.state not in ENDED

    def facts(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)


def submit(
    connection: Connection,
    version: Version,
    parameters: Mapping[str, Any],
    *,
    experiment: str,
    service_account: str = "",
    name: str = "",
) -> Run:
    """Starts a run, once: what failed on the way is looked for by its name before it is tried again."""
    import kfp_server_api as api

    wanted = api.V2beta1Run(
        display_name=f"{name or version.name}-{uuid.uuid4().hex[:8]}",
        experiment_id=experiment_id(connection, experiment),
        pipeline_version_reference=api.V2beta1PipelineVersionReference(
            pipeline_id=version.pipeline_id, pipeline_version_id=version.version_id
        ),
        runtime_config=api.V2beta1RuntimeConfig(parameters=dict(parameters)),
        service_account=service_account or None,
    )

    def known() -> Any:
        calls, where = connection.runs, {"experiment_id": wanted.experiment_id}
        found = connection.named(calls.run_service_list_runs, "runs", wanted.display_name, **where)
        return found[0] if found else None

    return _run(connection, once(connection, connection.runs.run_service_create_run, wanted, known))


def once(connection: Connection, create: Callable[..., Any], wanted: Any, known: Callable[[], Any]) -> Any:
    """Makes something exactly once.

    Args:
        connection: Where.
        create: The call that makes it.
        wanted: Its argument.
        known: Looks for it; gives None if it is not there.
    """
    for _ in range(2):
        try:
            return connection.call(create, wanted, repeat=False)
        except RetryError:  # the answer may be lost, but not what was made
            if (found := known()) is not None:
                return found
    return connection.call(create, wanted, repeat=False)


def experiment_id(connection: Connection, name: str) -> str:
    """The experiment of this name; made when there is none."""
    import kfp_server_api as api

    def known() -> Any:
        calls, where = connection.experiments, {"namespace": connection.namespace or None}
        found = connection.named(calls.experiment_service_list_experiments, "experiments", name, **where)
        return found[0] if found else None

    if found := known():
        return str(found.experiment_id)
    wanted = api.V2beta1Experiment(display_name=name, namespace=connection.namespace or None)
    try:
        made = once(connection, connection.experiments.experiment_service_create_experiment, wanted, known)
    except Conflict:
        made = known()
        if made is None:
            raise
    return str(made.experiment_id)


def get(connection: Connection, run_id: str) -> Run:
    """A run by its id."""
    return _run(connection, connection.call(connection.runs.run_service_get_run, run_id))


def recent(connection: Connection, count: int) -> list[Run]:
    """The newest runs, newest first."""
    found = connection.every(
        connection.runs.run_service_list_runs,
        "runs",
        namespace=connection.namespace or None,
        page_size=min(count, PAGE),
        sort_by="created_at desc",
    )
    return [_run(connection, one) for one in islice(found, count)]


def wait(connection: Connection, run_id: str, *, seconds: float, every: float, tell: Callable[[str], None]) -> Run:
    """Waits until a run ends.

    Args:
        connection: Where it runs.
        run_id: The run.
        seconds: Longest time.
        every: Time between two looks.
        tell: Is told each change.

    Raises:
        EvertuneError: if it did not succeed.
        RetryError: if it goes on after that time.
    """
    deadline, before = time.monotonic() + seconds, dict[str, str]()
    while (run := get(connection, run_id)).going_on:
        now = {"run": run.state, **run.steps}
        for name, state in now.items():
            if before.get(name) != state:
                tell(f"{name}: {state}")
        before = now
        if time.monotonic() + every > deadline:
            raise RetryError(f"it goes on after {seconds:g} seconds", where=run.url, remedy="wait again")
        time.sleep(every)
    if run.state != "SUCCEEDED":
        failed = [step for step, state in run.steps.items() if state == "FAILED"]
        place = f" in {', '.join(failed)}" if failed else ""
        raise EvertuneError(
            f"the run ended as {run.state}{place}{f': {run.error}' if run.error else ''}",
            where=run.url,
            remedy=f"see `evertune logs {run.id}{f' {failed[0]}' if failed else ''}`",
        )
    return run


def log(connection: Connection, run_id: str, step: str) -> str:
    """What a step wrote, as long as its pod is there or Kubeflow keeps logs.

    Raises:
        UserError: if the step has no pod, or Kubeflow does not have its log.
    """
    details = connection.call(connection.runs.run_service_get_run, run_id).run_details
    pods = [pod for task in _tasks(details) if _step(task) == step for pod in _pods(task)]
    if not pods:
        raise UserError(
            f"{step} has no pod: it has not started, or its result came from the cache",
            where=run_id,
            remedy="see `evertune status`",
        )
    for version in LOGS:
        try:
            return connection.text(f"/apis/{version}/runs/{run_id}/nodes/{pods[-1]}/log")
        except UserError as error:
            refused = error
    raise UserError(
        f"Kubeflow has no log of {step} ({refused.what})",
        where=run_id,
        remedy=f"ask your cluster: kubectl logs {pods[-1]} -c main, or its log store",
    )


def of_recurring(connection: Connection, recurring_run_id: str, experiment: str) -> Iterator[Any]:
    """All runs, as the API tells them, that a recurring run has started."""
    calls = connection.runs
    for one in connection.every(calls.run_service_list_runs, "runs", experiment_id=experiment):
        if one.recurring_run_id == recurring_run_id:
            yield one


def _run(connection: Connection, told: Any) -> Run:
    steps = _states(_tasks(told.run_details))
    return Run(
        id=told.run_id,
        name=told.display_name or "",
        state=told.state or "PENDING",
        created=told.created_at.isoformat() if told.created_at else "",
        ended=told.finished_at.isoformat() if told.finished_at and told.finished_at.year > 1970 else "",
        error=" ".join((told.error.message or "").split()) if told.error else "",
        steps={step: steps[step] for step in _SHOWN if step in steps},
        url=f"{connection.endpoint}/#/runs/details/{told.run_id}",
    )


def _states(tasks: Iterable[Any]) -> dict[str, str]:
    """State of each step; of several shares that of one that failed or, if none did, of one that has not ended."""
    states: dict[str, str] = {}
    for task in tasks:
        step, state = _step(task), task.state or ""
        if step not in states or _URGENT.get(state, 1) > _URGENT.get(states[step], 1):
            states[step] = state
    return states


def _tasks(details: Any) -> list[Any]:
    return list((details.task_details if details else None) or ())


def _step(task: Any) -> str:
    return str(task.display_name or "")


def _pods(task: Any) -> list[str]:
    own = [task.pod_name] if task.pod_name else []
    return own + [child.pod_name for child in task.child_tasks or () if child.pod_name]
