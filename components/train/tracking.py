"""Experiment trackers beside the TensorBoard log: MLflow and Weights & Biases, through those of Accelerate.

A tracker works in a thread of its own: one that is slow or down costs the training no time, and ends it never. It is
told what the journal holds, so that a training that goes on, here or elsewhere, goes on in the same run, and what did
not arrive while the tracker was down follows later. Addresses and keys come from the environment alone.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.secrets import redact
from components.train.config import Config, tracker_names
from components.train.journal import Point
from components.train.tracked_runs import MlflowRun, Run, WandbRun

log = logging.getLogger("evertune.train")
LAST_SECONDS: Final = 30.0
STOPPED_SECONDS: Final = 5.0
"""So long a training that is done, or stopped, waits for a tracker."""
Item = tuple[str, Point]


def check_trackers(config: Config) -> None:
    """Raises UserError when a tracker's package or address is missing; imports neither."""
    for name in tracker_names(config.trackers):
        if importlib.util.find_spec(name) is None:
            raise UserError(f"the package of {name} is not installed", where="train.trackers", remedy=_INSTALL[name])
        if not any(_environment_has(entry) for entry in _ADDRESSES[name]):
            raise UserError(
                f"no variable says where {name} is",
                where="train.trackers",
                remedy=f"set {' or '.join(_ADDRESSES[name])} in the environment",
            )


_INSTALL: Final = {
    "mlflow": "install mlflow-skinny, or build the image with EXTRAS=mlflow",
    "wandb": "install wandb, or build the image with EXTRAS=wandb",
}
_ADDRESSES: Final = {"mlflow": ("MLFLOW_TRACKING_URI",), "wandb": ("WANDB_API_KEY", "WANDB_MODE=offline")}


def _environment_has(entry: str) -> bool:
    name, _, value = entry.partition("=")
    return os.environ.get(name, "") == value if value else bool(os.environ.get(name))


def open_trackers(config: Config, facts: Mapping[str, Any]) -> list[Tracker]:
    """The configured trackers of a training with these facts (see `outputs.lineage`)."""
    makers: dict[str, Callable[[], Run]] = {
        "mlflow": lambda: MlflowRun(config.dataset, facts),
        "wandb": lambda: WandbRun(config.dataset, facts, config.logs),
    }
    return [Tracker(name, makers[name]()) for name in tracker_names(config.trackers)]


class Tracker:
    """Takes points without waiting, and brings them to a run.

    Args:
        name: What it is called in the configuration.
        run: The run.
    """

    def __init__(self, name: str, run: Run) -> None:
        self._name, self._run = name, run
        self._queue: queue.SimpleQueue[Item | bool] = queue.SimpleQueue()
        self._unsent: list[Item] = []
        self._started = self._warned = False
        self._thread = threading.Thread(target=self._work, name=f"tracker-{name}", daemon=True)

    def __enter__(self) -> Tracker:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.put(error is None)
        self._thread.join(STOPPED_SECONDS if error else LAST_SECONDS)
        if self._thread.is_alive() and not self._warned:
            log.warning("%s does not answer: the training is not all recorded there", self._name)

    def add(self, group: str, point: Point) -> None:
        """Takes a point of the journal; those of one group come in the order of their steps."""
        self._queue.put((group, dict(point)))

    def _work(self) -> None:
        while not isinstance(item := self._queue.get(), bool):
            self._unsent.append(item)
            if self._queue.empty():
                self._try(None)
        if not self._try(item):
            self._try(item)

    def _try(self, done: bool | None) -> bool:
        """Sends what is not sent, and closes the run if the training is over; failing, says so once."""
        try:
            self._send()
            if done is not None:
                self._run.finish(done)
        except Exception as error:  # whatever a tracker raises, the training is worth more
            if not self._warned:
                reason = redact(str(error).strip().partition("\n")[0])[:200]
                log.warning("%s does not take the numbers, training goes on: %s", self._name, reason)
            self._warned = True
            return False
        return True

    def _send(self) -> None:
        if not self._started:
            self._run.start()
            self._started = True
        while self._unsent:
            group, point = self._unsent[0]
            step = int(point["step"])
            if not self._run.has(group, step):
                self._run.log({f"{group}/{name}": value for name, value in point.items() if name != "step"}, step)
            del self._unsent[0]
