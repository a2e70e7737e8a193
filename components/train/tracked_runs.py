"""Runs of experiment trackers: MLflow and Weights & Biases, through those of Accelerate."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

KEY_TAG: Final = "evertune.checkpoint_key"
PARAMETER_LENGTH: Final = 500
"""Longer parameters are cut: older MLflow servers refuse them."""
INIT_SECONDS: Final = 30.0
"""So long Weights & Biases may take to begin a run."""


def parameters(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What made the model, as flat parameters; the empty ones left out."""
    flat = {name: value for name, value in facts.items() if not isinstance(value, Mapping)}
    for group in ("options", "packages"):
        flat |= {f"{group}.{name}": value for name, value in facts[group].items()}
    return {name: value for name, value in flat.items() if value != ""}


class Run(ABC):
    """One run of an experiment tracker; all its calls are made by one thread."""

    @abstractmethod
    def start(self) -> None:
        """Finds the run of this training, or begins it."""

    @abstractmethod
    def has(self, group: str, step: int) -> bool:
        """Whether the run had a point before it was started here."""

    @abstractmethod
    def log(self, values: dict[str, float], step: int) -> None:
        """Adds a point."""

    @abstractmethod
    def finish(self, done: bool) -> None:
        """Closes the run: finished, or broken off."""


class MlflowRun(Run):
    """A run of an MLflow server, found again by the checkpoint key in its tags."""

    def __init__(self, experiment: str, facts: Mapping[str, Any]) -> None:
        self._experiment, self._facts = os.environ.get("MLFLOW_EXPERIMENT_NAME", experiment), facts
        self._known: set[tuple[str, int]] = set()

    def start(self) -> None:
        """Begins the run with its parameters, or goes on in it."""
        # A server that does not answer is asked again with the next point: no call need wait for it for minutes.
        for name, value in (("MAX_RETRIES", "1"), ("TIMEOUT", "10")):
            os.environ.setdefault(f"MLFLOW_HTTP_REQUEST_{name}", value)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from accelerate.tracking import MLflowTracker
        from mlflow import MlflowClient

        client, found = MlflowClient(), self._find()
        name = f"{self._facts['dataset_revision']}-{self._facts['checkpoint_key'][:8]}"
        tags = {KEY_TAG: self._facts["checkpoint_key"]}
        self._tracker = MLflowTracker(self._experiment, run_id=found, run_name=name, tags=tags)
        self._tracker.start()
        run = self._tracker.tracker
        told = {name: str(value)[:PARAMETER_LENGTH] for name, value in parameters(self._facts).items()}
        known = run.data.params
        self._tracker.store_init_configuration({name: value for name, value in told.items() if name not in known})
        for group in ("train", "validation"):
            history = client.get_metric_history(run.info.run_id, f"{group}/epoch") if found else ()
            self._known |= {(group, metric.step) for metric in history}

    def _find(self) -> str | None:
        from mlflow import MlflowClient

        client = MlflowClient()
        experiment = client.get_experiment_by_name(self._experiment)
        if experiment is None:
            return None
        chosen = f"tags.`{KEY_TAG}` = '{self._facts['checkpoint_key']}'"
        runs = client.search_runs([experiment.experiment_id], chosen, max_results=1)
        return runs[0].info.run_id if runs else None

    def has(self, group: str, step: int) -> bool:
        """As the server's history says."""
        return (group, step) in self._known

    def log(self, values: dict[str, float], step: int) -> None:
        """Adds a point."""
        self._tracker.log(values, step=step)

    def finish(self, done: bool) -> None:
        """Ends the run as finished, or as killed."""
        import mlflow

        mlflow.end_run("FINISHED" if done else "KILLED")


class WandbRun(Run):
    """A run of Weights & Biases whose id is the checkpoint key; written beside the TensorBoard log when offline."""

    def __init__(self, project: str, facts: Mapping[str, Any], directory: Path) -> None:
        self._project, self._facts, self._directory = os.environ.get("WANDB_PROJECT", project), facts, directory
        self._first = 0

    def start(self) -> None:
        """Begins the run with its parameters, or goes on in it."""
        import wandb
        from accelerate.tracking import WandBTracker

        offline = os.environ.get("WANDB_MODE") == "offline"
        self._tracker = WandBTracker(
            self._project,
            id=self._facts["checkpoint_key"],
            resume=None if offline else "allow",
            dir=os.environ.get("WANDB_DIR", str(self._directory)),
            settings=wandb.Settings(silent=True, console="off", init_timeout=INIT_SECONDS, x_disable_stats=True),
        )
        self._tracker.start()
        self._tracker.store_init_configuration(parameters(self._facts))
        self._first = self._tracker.tracker.starting_step

    def has(self, group: str, step: int) -> bool:
        """Its steps only rise; when offline, each process writes all of them."""
        return step < self._first

    def log(self, values: dict[str, float], step: int) -> None:
        """Adds a point."""
        self._tracker.log(values, step=step)

    def finish(self, done: bool) -> None:
        """Ends the run as finished, or as failed."""
        self._tracker.tracker.finish(exit_code=0 if done else 1)
