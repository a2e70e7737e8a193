"""How good a model is at a task: one module for each task but plain classification, found by its name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from components.evaluate.config import Config
from components.shared.datasets import Dataset

SAMPLES: Final = 6
"""The first test rows, shown with what was said of them whatever it is worth."""
Floats = NDArray[np.float64]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a model, or a baseline, did on the test rows.

    Attributes:
        statistics: Numbers of each row, shape (rows, statistics). All metrics are functions of their sums, so that
            resampling rows is a matter of sums.
        goodness: How well each row was answered; greater is better.
        said: What was answered, as text; empty where nothing is said. Language models say something of the first
            SAMPLES rows only.
        probabilities: Of each of the measurer's labels, shape (rows, labels), where several may be said of a row.
        seconds: Time that all rows took, when they were asked, without that for loading the model.
        latency: Seconds for one row by itself.
    """

    statistics: Floats
    goodness: Floats
    said: Sequence[str]
    probabilities: Floats | None = None
    seconds: float = 0.0
    latency: float = 0.0


class Measurer(Protocol):
    """All that an evaluation needs to know about a task.

    Attributes:
        main: The metric that decides.
        lower_is_better: Metrics of which less is better.
        baseline_name: What the baseline does.
        asked_alone: What the latency is that of.
        labels: The labels among which the model chooses, if it does.
        answers_all: Whether something is said of each row, be it that there is no answer.
    """

    main: str
    lower_is_better: tuple[str, ...]
    baseline_name: str
    asked_alone: str
    labels: Sequence[str]
    answers_all: bool

    def __init__(self, dataset: Dataset, config: Config) -> None:
        """Reads what it needs of the training rows."""

    def measure(self, model: Path, rows: Rows, what: str) -> Measured:
        """What the model in a directory does on the test rows."""

    def baseline(self, model: Path, rows: Rows) -> Measured:
        """What a trivial answer reaches on them; the model tells how texts become tokens."""

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """Metrics from sums of the statistics, shape (resamples, statistics)."""

    def shown(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """What was asked in a row, and the right answer, as people read them."""


def open_measurer(dataset: Dataset, config: Config) -> Measurer:
    """The measurer of a task."""
    module = importlib.import_module(f"{__name__}.{config.task}")
    measurer: Measurer = module.MEASURER(dataset, config)
    return measurer
