"""A server that speaks the part of Kubeflow Pipelines' v2beta1 API that we use, with a scheduler and its own clock.

It answers in the shapes of kfp-server-api, whose models check every request: an unknown field is refused, as the real
gateway refuses it. What it cannot prove is listed in docs/how-to/run-on-a-cluster.md. With EVERTUNE_KFP_ENDPOINT set,
test_real_endpoint.py talks to that endpoint too; the other tests need faults, or a clock that goes on when they say so.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import kfp_server_api as api

FAULTS = {500: "HTTP 500", "drop": "a connection that is cut", "lost": "a lost answer"}
"""What `Kubeflow.fail` does, as the page of guarantees names it."""
START = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


class Refusal(Exception):
    """An error that the API answers."""

    def __init__(self, status: int, message: str) -> None:
        self.status, self.message = status, message


class Kubeflow:
    """The state of the server, and what the tests do to it."""

    def __init__(self) -> None:
        self.pipelines, self.versions, self.experiments, self.runs, self.recurring = {}, {}, {}, {}, {}
        self.now, self.token, self.multi_user = START, "", False
        self.calls: list[str] = []
        self.failures: list[tuple[str, int | str]] = []
        self.logs: dict[str, str] = {}
        self.others: dict[str, Any] = {}
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.after: Callable[[str], None] = lambda _: None

    def fail(self, pattern: str, *how: int | str) -> None:
        """Lets the next matching calls fail: a status, "drop" before or "lost" after they are done, "slow" for ever."""
        self.failures += [(pattern, one) for one in how]

    def advance(self, seconds: float) -> None:
        """Moves the clock; every due tick starts a run."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.now = min(end, self.now + timedelta(seconds=30))
            self.schedule()

    def schedule(self) -> None:
        """What the controller of scheduled workflows does: see cron_schedule.go of Kubeflow Pipelines."""
        for one in list(self.recurring.values()):
            cron = one["trigger"]["cron_schedule"]
            started = [
                run["scheduled_at"] for run in self.runs.values() if run["recurring_run_id"] == one["recurring_run_id"]
            ]
            base = max(started) if started else cron.get("start_time") or one["created_at"]
            due = list(minutes(cron["cron"], parse(base), self.now))
            if one["mode"] == "ENABLE" and due:
                for tick in due[-1:] if one.get("no_catchup") else due:
                    self.start(one, tick)

    def start(self, one: dict[str, Any], tick: datetime) -> None:
        """Starts a run of a recurring run."""
        run = self.run({**one, "display_name": one["display_name"]}, one["recurring_run_id"])
        run["scheduled_at"] = stamp(tick)

    def run(self, body: dict[str, Any], recurring_run_id: str = "") -> dict[str, Any]:
        """Adds a run."""
        made = {
            "run_id": str(uuid.uuid4()),
            "display_name": body["display_name"],
            "experiment_id": body["experiment_id"],
            "pipeline_version_reference": body["pipeline_version_reference"],
            "runtime_config": body.get("runtime_config", {}),
            "service_account": body.get("service_account", ""),
            "recurring_run_id": recurring_run_id,
            "created_at": stamp(self.now),
            "scheduled_at": stamp(self.now),
            "state": "PENDING",
            "run_details": {"task_details": []},
        }
        self.runs[made["run_id"]] = made
        return made

    def ticks(self) -> list[str]:
        """The scheduled times of all runs that recurring runs started, sorted."""
        return sorted(run["scheduled_at"] for run in self.runs.values() if run["recurring_run_id"])

    def called(self, pattern: str) -> int:
        """How many calls match."""
        return len([call for call in self.calls if re.search(pattern, call)])

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """Carries out a call; `others` are answers of other servers, by path: the Kubernetes API, an image registry."""
        if path in self.others:
            return self.others[path]
        for pattern, handler in ROUTES:
            if match := re.fullmatch(pattern, f"{method} {path}"):
                return handler(self, query, body, **match.groupdict())
        raise Refusal(404, f"no such path: {method} {path}")


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    return datetime.fromisoformat(text)


def minutes(cron: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """The ticks of a cron of six fields in UTC, found by looking at every minute: slow and plainly right."""
    _, minute, hour, dom, month, dow = cron.split()
    moment = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while moment <= until:
        values = (
            (minute, moment.minute),
            (hour, moment.hour),
            (dom, moment.day),
            (month, moment.month),
            (dow, moment.isoweekday() % 7),
        )
        if all(field in ("*", "?") or value in expand(field) for field, value in values):
            yield moment
        moment += timedelta(minutes=1)


def expand(field: str) -> set[int]:
    return {int(part) for part in field.split(",")}


def checked(model: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body if the API's model knows all of its fields."""
    known = getattr(api, model).attribute_map.values()
    if unknown := set(body) - set(known):
        raise Refusal(400, f"unknown field {sorted(unknown)[0]!r} in {model}")
    return body


def page(found: list[Any], field: str, query: dict[str, str]) -> dict[str, Any]:
    """A page of a list, filtered by display name, at most ten objects long whatever is asked."""
    for predicate in json.loads(query.get("filter", "{}")).get("predicates", ()):
        found = [one for one in found if one[predicate["key"]] == predicate["stringValue"]]
    if query.get("sort_by") == "created_at desc":
        found = found[::-1]
    start, size = int(query.get("page_token") or 0), min(int(query.get("page_size") or 10), 10)
    token = {"next_page_token": str(start + size)} if start + size < len(found) else {}
    return {field: found[start : start + size], "total_size": len(found), **token}


def known(objects: dict[str, Any], key: str, what: str) -> Any:
    if key not in objects:
        raise Refusal(404, f"{what} {key} not found")
    return objects[key]


def unique(objects: dict[str, Any], body: dict[str, Any], what: str) -> None:
    if any(one["display_name"] == body["display_name"] for one in objects.values()):
        raise Refusal(409, f"Failed to create a new {what}. The name {body['display_name']} already exist")


def health(state: Kubeflow, query: Any, body: Any) -> Any:
    return {"commit_sha": "abc", "tag_name": "2.17.0", "multi_user": state.multi_user}


def create_pipeline(state: Kubeflow, query: Any, body: Any) -> Any:
    unique(state.pipelines, checked("V2beta1Pipeline", body), "pipeline")
    made = {**body, "pipeline_id": str(uuid.uuid4()), "created_at": stamp(state.now)}
    state.pipelines[made["pipeline_id"]] = made
    return made


def list_pipelines(state: Kubeflow, query: Any, body: Any) -> Any:
    return page(list(state.pipelines.values()), "pipelines", query)


def upload_version(state: Kubeflow, query: Any, body: bytes) -> Any:
    known(state.pipelines, query["pipelineid"], "Pipeline")
    assert b"pipelineInfo" in body, "the compiled pipeline is uploaded"
    made = {
        "pipeline_id": query["pipelineid"],
        "pipeline_version_id": str(uuid.uuid4()),
        "display_name": query["name"],
        "name": query["name"],
        "created_at": stamp(state.now),
    }
    unique(state.versions, made, "pipeline version")
    state.versions[made["pipeline_version_id"]] = made
    return made


def list_versions(state: Kubeflow, query: Any, body: Any, pipeline: str) -> Any:
    known(state.pipelines, pipeline, "Pipeline")
    found = [one for one in state.versions.values() if one["pipeline_id"] == pipeline]
    return page(found, "pipeline_versions", query)


def get_version(state: Kubeflow, query: Any, body: Any, pipeline: str, key: str) -> Any:
    known(state.pipelines, pipeline, "Pipeline")
    return known(state.versions, key, "PipelineVersion")


def create_experiment(state: Kubeflow, query: Any, body: Any) -> Any:
    unique(state.experiments, checked("V2beta1Experiment", body), "experiment")
    made = {**body, "experiment_id": str(uuid.uuid4()), "created_at": stamp(state.now)}
    state.experiments[made["experiment_id"]] = made
    return made


def list_experiments(state: Kubeflow, query: Any, body: Any) -> Any:
    return page(list(state.experiments.values()), "experiments", query)


def get_experiment(state: Kubeflow, query: Any, body: Any, key: str) -> Any:
    return known(state.experiments, key, "Experiment")


def delete_experiment(state: Kubeflow, query: Any, body: Any, key: str) -> Any:
    known(state.experiments, key, "Experiment")
    del state.experiments[key]
    return {}


def create_run(state: Kubeflow, query: Any, body: Any) -> Any:
    checked("V2beta1Run", body)
    known(state.experiments, body["experiment_id"], "Experiment")
    known(state.versions, body["pipeline_version_reference"]["pipeline_version_id"], "PipelineVersion")
    return state.run(body)


def get_run(state: Kubeflow, query: Any, body: Any, key: str) -> Any:
    return known(state.runs, key, "Run")


def delete_run(state: Kubeflow, query: Any, body: Any, key: str) -> Any:
    known(state.runs, key, "Run")
    del state.runs[key]
    return {}


def list_runs(state: Kubeflow, query: Any, body: Any) -> Any:
    wanted = query.get("experiment_id")
    found = [one for one in state.runs.values() if wanted in (None, one["experiment_id"])]
    return page(found, "runs", query)


def read_log(state: Kubeflow, query: Any, body: Any, key: str, pod: str) -> Any:
    known(state.runs, key, "Run")
    return known(state.logs, pod, "log").encode()


def create_recurring(state: Kubeflow, query: Any, body: Any) -> Any:
    checked("V2beta1RecurringRun", body)
    known(state.experiments, body["experiment_id"], "Experiment")
    known(state.versions, body["pipeline_version_reference"]["pipeline_version_id"], "PipelineVersion")
    made = {
        **body,
        "recurring_run_id": str(uuid.uuid4()),
        "created_at": stamp(state.now),
        "status": "ENABLED" if body["mode"] == "ENABLE" else "DISABLED",
    }
    state.recurring[made["recurring_run_id"]] = made
    return made


def list_recurring(state: Kubeflow, query: Any, body: Any) -> Any:
    return page(list(state.recurring.values()), "recurringRuns", query)


def get_recurring(state: Kubeflow, query: Any, body: Any, key: str) -> Any:
    return known(state.recurring, key, "RecurringRun")


def delete_recurring(state: Kubeflow, query: Any, body: Any, key: str) -> Any:
    """Kills what runs, as an older Kubeflow does."""
    known(state.recurring, key, "RecurringRun")
    del state.recurring[key]
    for run in state.runs.values():
        if run["recurring_run_id"] == key and run["state"] in ("PENDING", "RUNNING"):
            run["state"] = "FAILED"
    return {}


def switch(state: Kubeflow, query: Any, body: Any, key: str, mode: str) -> Any:
    known(state.recurring, key, "RecurringRun")["mode"] = mode.upper()
    return {}


BASE = r"/apis/v2beta1"
ROUTES = [
    (rf"GET {BASE}/healthz", health),
    (rf"POST {BASE}/pipelines", create_pipeline),
    (rf"GET {BASE}/pipelines", list_pipelines),
    (rf"POST {BASE}/pipelines/upload_version", upload_version),
    (rf"GET {BASE}/pipelines/(?P<pipeline>[^/]+)/versions", list_versions),
    (rf"GET {BASE}/pipelines/(?P<pipeline>[^/]+)/versions/(?P<key>[^/]+)", get_version),
    (rf"POST {BASE}/experiments", create_experiment),
    (rf"GET {BASE}/experiments", list_experiments),
    (rf"GET {BASE}/experiments/(?P<key>[^/:]+)", get_experiment),
    (rf"DELETE {BASE}/experiments/(?P<key>[^/:]+)", delete_experiment),
    (rf"POST {BASE}/runs", create_run),
    (rf"GET {BASE}/runs", list_runs),
    (rf"GET {BASE}/runs/(?P<key>[^/:]+)", get_run),
    (rf"DELETE {BASE}/runs/(?P<key>[^/:]+)", delete_run),
    (r"GET /apis/v1alpha1/runs/(?P<key>[^/]+)/nodes/(?P<pod>[^/]+)/log", read_log),
    (rf"POST {BASE}/recurringruns", create_recurring),
    (rf"GET {BASE}/recurringruns", list_recurring),
    (rf"GET {BASE}/recurringruns/(?P<key>[^/:]+)", get_recurring),
    (rf"DELETE {BASE}/recurringruns/(?P<key>[^/:]+)", delete_recurring),
    (rf"POST {BASE}/recurringruns/(?P<key>[^/:]+):(?P<mode>enable|disable)", switch),
]
