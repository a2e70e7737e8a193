"""What translation and summarization have in common: a target is said for each source."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from components.evaluate.config import Config
from components.evaluate.models import by_length, latency, load, trained_option
from components.evaluate.tasks import Floats, Measured, Rows
from components.shared.datasets import Dataset
from components.shared.progress import Progress

TARGET_TOKENS: Final = 128


class Generation(ABC):
    """Rows of `source` and `target`; what is said is the most probable target, token by token."""

    main: ClassVar[str]
    lower_is_better: ClassVar[tuple[str, ...]] = ()
    baseline_name: ClassVar[str]
    asked_alone: ClassVar[str] = "one source"
    labels: ClassVar[tuple[str, ...]] = ()
    answers_all: ClassVar[bool] = True

    def __init__(self, dataset: Dataset, config: Config) -> None:
        self.dataset, self.config = dataset, config

    @abstractmethod
    def statistics(self, said: Sequence[str], rows: Rows) -> Floats:
        """The statistics of each row."""

    @abstractmethod
    def trivial(self, rows: Rows) -> list[str]:
        """What the baseline says."""

    @abstractmethod
    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """Metrics from sums of the statistics."""

    def measure(self, model: Path, rows: Rows, what: str) -> Measured:
        """What the model says, beside the targets."""
        said, seconds, alone = self._said(model, [row["source"] for row in rows], what)
        return replace(self._measured(said, rows), seconds=seconds, latency=alone)

    def baseline(self, model: Path, rows: Rows) -> Measured:
        """The same for the baseline."""
        return self._measured(self.trivial(rows), rows)

    def shown(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """Source and target."""
        return row["source"], row["target"]

    def _measured(self, said: list[str], rows: Rows) -> Measured:
        statistics = self.statistics(said, rows)
        goodness = self.metrics(statistics)[self.main]
        return Measured(statistics=statistics, goodness=goodness, said=said)

    def _said(self, model: Path, sources: Sequence[str], what: str) -> tuple[list[str], float, float]:
        """What the model says, how many seconds that took, and how many for one source by itself."""
        loaded, tokenizer = load(model, "AutoModelForSeq2SeqLM", allow_remote_code=self.config.allow_remote_code)
        prefix = str(trained_option(model, "source_prefix", ""))
        most = int(trained_option(model, "max_target_tokens", TARGET_TOKENS))
        encoded = tokenizer([prefix + source for source in sources], truncation=True)
        said, began = [""] * len(sources), time.monotonic()

        def ask(batch: Sequence[int]) -> None:
            lines = [{name: encoded[name][row] for name in ("input_ids", "attention_mask")} for row in batch]
            inputs = tokenizer.pad(lines, return_tensors="pt").to(loaded.device)
            tokens = loaded.generate(**inputs, max_new_tokens=most, num_beams=1, do_sample=False)
            for row, text in zip(batch, tokenizer.batch_decode(tokens, skip_special_tokens=True), strict=True):
                said[row] = text.strip()

        with Progress(what, len(sources), "texts") as progress:
            for batch in by_length([len(ids) for ids in encoded["input_ids"]], self.config.batch_size):
                ask(batch.tolist())
                progress.advance(len(batch))
        seconds, answers = time.monotonic() - began, list(said)
        return answers, seconds, latency(len(sources), lambda number: ask([number]))


def per_row(values: Sequence[Sequence[float]]) -> Floats:
    """Statistics of rows as one array."""
    return np.array(values, dtype=np.float64)
