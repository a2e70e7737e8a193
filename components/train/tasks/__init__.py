"""What a model learns: one module for each task, found by its name in the configuration."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from components.shared.datasets import Dataset
from components.shared.records import TASKS


class Task(Protocol):
    """All that the loop needs to know about a task.

    Attributes:
        lengths: Tokens of each training row and of each validation row, by split; after `tokenize`.
        pipeline_tag: The task's name on the Hugging Face hub.
        auto_class: Name of the transformers class that loads the model.
        measures: How many sums `measure` gives.
    """

    lengths: Mapping[str, NDArray[np.int64]]
    pipeline_tag: str
    auto_class: str
    measures: int

    def __init__(self, dataset: Dataset) -> None:
        """Checks the rows; raises UserError. Imports nothing heavy."""

    def tokenize(self, tokenizer: Any, max_tokens: int) -> None:
        """Turns the rows into tokens."""

    def load_model(self, directory: Path, name: str) -> Any:
        """The pretrained model with the head of this task; raises UserError."""

    def batch(self, split: str, rows: NDArray[np.int64]) -> dict[str, Any]:
        """Tensors of the given rows, padded to the longest of them."""

    def units(self, split: str, rows: NDArray[np.int64]) -> int:
        """Number of things (rows, tokens) that the loss of these rows is a sum over."""

    def loss(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """The summed loss of a batch, as a tensor."""

    def measure(self, model: Any, batch: Mapping[str, Any]) -> list[float]:
        """Sums over a batch, from which `metrics` is made."""

    def metrics(self, sums: list[float]) -> dict[str, float]:
        """The metrics of a split from the sums over all its batches; `loss` is among them."""

    def quality(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """What orders models, the best one greatest."""


def open_task(name: str, dataset: Dataset) -> Task:
    """The task of this name over a dataset; raises UserError if the rows do not fit it."""
    assert name in TASKS, name
    module = importlib.import_module(f"{__name__}.{name}")
    task: Task = module.TASK(dataset)
    return task
