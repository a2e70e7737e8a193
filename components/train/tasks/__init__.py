"""What a model learns: one module for each task, found by its name in the configuration."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.records import columns_of
from components.train.config import Config

SPLITS: Final = ("train", "validation")


class Task(Protocol):
    """All that the loop needs to know about a task.

    Attributes:
        lengths: Tokens of each sequence that is computed, by split; after `tokenize`. Sequences are rows, or parts of
            long rows, or several short rows packed together. The rows that the methods take are their numbers.
        decoder: Whether the model reads from left to right only.
        pipeline_tag: The task's name on the Hugging Face hub.
        auto_class: Name of the transformers class that loads the model.
        able_before: Whether base models can do it before they are tuned: their heads are pretrained too.
        measures: How many sums `measure` gives.
    """

    lengths: Mapping[str, NDArray[np.int64]]
    pipeline_tag: str
    auto_class: str
    decoder: bool
    able_before: bool
    measures: int

    def __init__(self, dataset: Dataset, config: Config) -> None:
        """Checks columns and rows; raises UserError. Imports nothing heavy."""

    def tokenize(self, tokenizer: Any, max_tokens: int) -> None:
        """Turns the rows into tokens."""

    def load_model(self, directory: Path, name: str) -> Any:
        """The pretrained model with the head of this task; raises UserError."""

    def batch(self, split: str, rows: NDArray[np.int64], epoch: int) -> dict[str, Any]:
        """Tensors of the given rows, padded to the longest of them; what is random in them depends on the epoch."""

    def units(self, split: str, rows: NDArray[np.int64], epoch: int) -> float:
        """Number of things (rows, tokens) that the loss of these rows is a sum over, or the sum of their weights."""

    def loss(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """The summed loss of a batch, as a tensor."""

    def measure(self, model: Any, batch: Mapping[str, Any]) -> list[float]:
        """Sums over a batch, from which `metrics` is made."""

    def metrics(self, sums: list[float]) -> dict[str, float]:
        """The metrics of a split from the sums over all its batches; `loss` is among them."""

    def quality(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """What orders models, the best one greatest."""


def open_task(dataset: Dataset, config: Config) -> Task:
    """The task of a configuration over a dataset; raises UserError if columns or rows do not fit it."""
    for column in columns_of(config.task):
        if column not in dataset.columns:
            raise UserError(
                f"the dataset has no column {column!r}, which {config.task} learns from",
                where="train.data",
                remedy=f"it has {', '.join(dataset.columns)}; choose the task that it was made for",
            )
    for split in SPLITS:
        if not dataset.manifest.rows(split):
            raise UserError(
                f"the split {split} has no rows", where="train.data", remedy="add data or change the options of `split`"
            )
    module = importlib.import_module(f"{__name__}.{config.task}")
    task: Task = module.TASK(dataset, config)
    return task
