"""Runs the compiled `retrain` pipeline on this machine, each step in its container, as restricted as on a cluster.

kfp's DockerRunner starts the containers. What it says of them is not believed: it can call a failed container a
success. What counts are the outputs (`pipelines.container_outputs`) and what each step writes down of itself.

A run has a world of its own in `.evertune/containers/<profile>/`: a dataset registry, the outputs of the steps, a
log. Its caching is off: every container runs. Training goes on from its checkpoints all the same.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from components.shared.entry import STEPS_FILE
from components.shared.errors import EvertuneError, Terminated, UserError
from components.shared.references import PACKAGE, each_source, is_local, local_path
from components.shared.secrets import load_secrets
from pipelines import container_outputs, examples, profiles
from pipelines.container_log import Log
from pipelines.engine import Engine, connected, gone
from pipelines.local import running_store
from pipelines.reproduce import code_commit
from pipelines.workspace import HOME

IMAGE_USER: Final = 10001
"""Runs the steps when root starts the run; another user's steps run as that user. Never root."""
RESTRICTED: Final[Mapping[str, Any]] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,mode=1777"},  # noqa: S108 - of the container
}
"""Pod Security "restricted", as far as Docker can say it: only /tmp and the outputs can be written to."""
PASSED_ON: Final = (
    *("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"),
    *("HF_ENDPOINT", "HF_TOKEN", "EVERTUNE_GIT_USERNAME", "EVERTUNE_GIT_PASSWORD", "EVERTUNE_GIT_AUTHOR"),
    "EVERTUNE_PSEUDONYM_KEYS",
    *("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
    *("MLFLOW_EXPERIMENT_NAME", "WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_ENTITY", "WANDB_PROJECT", "WANDB_MODE"),
)
"""Variables of this process that the steps get."""
INPUTS: Final = "/inputs"
REGISTRY: Final = "/registry.git"


@dataclass(frozen=True)
class Place:
    """The directory of a profile's container runs."""

    root: Path

    @property
    def outputs(self) -> Path:
        """What the steps of the last run wrote; kfp makes one directory a run in it."""
        return self.root / "outputs"

    @property
    def registry(self) -> Path:
        """The dataset registry of the container runs."""
        return self.root / "registry.git"

    @property
    def compiled(self) -> Path:
        """The pipeline that is run."""
        return self.root / "pipelines" / "retrain.yaml"

    @property
    def workspace(self) -> Path:
        """The directory that kfp wants for workspaces, which no step of ours has."""
        return self.root / "workspace"

    @property
    def log(self) -> Path:
        """All that kfp and the containers printed."""
        return self.root / "log"

    @property
    def steps(self) -> Path:
        """Where each step writes a line about itself."""
        return self.outputs / "steps.jsonl"


def run(profile: str, home: Path = HOME) -> dict[str, Any]:
    """Runs the pipeline of a profile in containers.

    Returns:
        The facts of the run, as they stand in `last-container-run.json`.

    Raises:
        UserError: for a wrong profile, an image that cannot be had, no Docker engine, a path that cannot be written.
        EvertuneError: if a step failed or an output is missing; it names the step and what it said.
    """
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _terminate)
    parameters = profiles.load(profile)
    examples.make(parameters["source"])
    place = Place(home.resolve() / "containers" / profile)
    try:
        with _locked(place), running_store(), connected(str(place.root)) as engine:
            load_secrets()
            spec = _compile(parameters, place)
            images = {step: container_outputs.image(spec, step) for step in container_outputs.tasks(spec)}
            engine.require(images)
            arguments, mounts = settle(parameters)
            with _writable(place) as user:
                _execute(engine, place, spec, arguments, mounts, user)
            facts = container_outputs.check(spec, place.outputs)
    except OSError as error:
        raise UserError(
            error.strerror or str(error),
            where=str(error.filename or place.root),
            remedy="make room there, or give the right to write",
        ) from error
    steps = container_outputs.records(place.steps)
    return {"profile": profile, "images": images, **facts, **_times(steps, time.monotonic() - started)}


def settle(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Path]]:
    """The pipeline's arguments as the containers see them, and what is mounted read-only for that.

    Files of this machine are mounted below /inputs. Where params.yaml names a place on this machine, the run has its
    own: a registry in its directory, a prefix in the object store.
    """
    given = profiles.arguments(parameters)
    mounts: dict[str, Path] = {}

    def mounted(name: str, uri: str) -> str:
        if not is_local(uri):
            return uri
        path = local_path(uri if uri.startswith(PACKAGE) else str(profiles.ROOT / Path(uri).expanduser()), name)
        inside = f"{INPUTS}/{name}/{path.name}"
        if mounts.setdefault(inside, path.resolve()) != path.resolve():
            raise UserError(f"two sources are named {path.name}", where=name, remedy="rename one of them")
        return inside

    for name in ("source", "evaluation_set"):
        given[name] = each_source(str(parameters[name]), partial(mounted, name))
    given["base_model"] = mounted("base_model", str(parameters["base_model"]))
    if "registry" not in given:
        given |= {"registry": REGISTRY, "store": f"{parameters['store']}/containers"}
    given.setdefault("checkpoints", f"{given['store']}/checkpoints")
    return given, mounts


def _compile(parameters: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The compiled pipeline without retries: kfp would pause for 30 s and try even a wrong parameter again."""
    from pipelines.compiler import compile_all, read

    compile_all(parameters, place.compiled.parent)
    spec, _ = read(place.compiled)
    for task in spec["root"]["dag"]["tasks"].values():
        task.pop("retryPolicy", None)
    return spec


def _execute(
    engine: Engine,
    place: Place,
    spec: Mapping[str, Any],
    arguments: Mapping[str, Any],
    mounts: Mapping[str, Path],
    user: str,
) -> None:
    """Runs the containers; raises the error of the step that failed."""
    from kfp import components, local

    runner = local.DockerRunner(
        **RESTRICTED,
        user=user,
        network_mode="host",  # the object store listens on loopback
        labels=engine.labels,
        mounts=[
            *engine.mounts({REGISTRY: place.registry}, read_only=False),
            *engine.mounts(mounts, read_only=True),
        ],
        environment={
            **{name: os.environ[name] for name in PASSED_ON if os.environ.get(name)},
            "EVERTUNE_COMMIT": os.environ.get("EVERTUNE_COMMIT") or code_commit(),
            STEPS_FILE: str(place.steps),
        },
    )
    local.init(runner=runner, pipeline_root=str(place.outputs), workspace_root=str(place.workspace))
    pipeline = components.load_component_from_text(json.dumps(spec))
    inputs = pipeline.component_spec.inputs
    raised = None
    with place.log.open("w", encoding="utf-8") as file, redirect_stdout(Log(file)) as log, warnings.catch_warnings():
        # What places a pod has no effect here, which kfp says of each step.
        warnings.filterwarnings("ignore", ".* have no effect in the current local runner", UserWarning)
        try:
            pipeline(**{name: value for name, value in arguments.items() if name in inputs})
        except EvertuneError:
            raise
        except Exception as error:  # kfp and the Docker SDK raise anything
            raised = error
    if not engine.answers():
        raise gone(log.step) from raised
    failed = container_outputs.failure(log.step, container_outputs.records(place.steps), log.last)
    if failed or raised:
        raise failed or EvertuneError(str(raised), where=log.step, remedy=f"see {place.log}") from raised


def _times(steps: Mapping[str, Mapping[str, Any]], total: float) -> dict[str, Any]:
    own = sum(facts["seconds"] for facts in steps.values())
    return {
        "seconds": {step: round(facts["seconds"], 2) for step, facts in steps.items()},
        "peak_megabytes": {step: facts["peak_bytes"] >> 20 for step, facts in steps.items()},
        "own_seconds": round(own, 2),
        "total_seconds": round(total, 2),
        "overhead": round(total / own - 1, 4),
    }


@contextmanager
def _writable(place: Place) -> Iterator[str]:
    """Empties the outputs, makes the registry, and lets the containers' user write to both: gives `uid:gid`.

    Root's containers have a user of their own, which owns both meanwhile; anybody else's have his.
    """
    shutil.rmtree(place.outputs, ignore_errors=True)
    for directory in (place.outputs, place.workspace):
        directory.mkdir(parents=True, exist_ok=True)
    if not place.registry.exists():
        command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(place.registry)]
        subprocess.run(command, check=True)
    if os.getuid():
        yield f"{os.getuid()}:{os.getgid()}"
        return
    try:
        _give(place, IMAGE_USER)
        yield f"{IMAGE_USER}:{IMAGE_USER}"
    finally:
        _give(place, 0)


def _give(place: Place, user: int) -> None:
    for top in (place.outputs, place.registry):
        for path in (top, *top.rglob("*")):
            os.chown(path, user, user, follow_symlinks=False)


@contextmanager
def _locked(place: Place) -> Iterator[None]:
    """Lets one run of a profile go on at a time; the kernel frees the lock when its holder dies."""
    place.root.mkdir(parents=True, exist_ok=True)
    with (place.root / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("another run of this profile goes on", where=str(place.root), remedy="let it end") from None
        yield


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    raise Terminated("stopped by SIGTERM", remedy="run again to go on")
