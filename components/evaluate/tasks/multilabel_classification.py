"""Several labels for a text: micro-F1, macro-F1 and rows with exactly their labels."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from components.evaluate.config import Config
from components.evaluate.predictions import Classifier
from components.evaluate.tasks import Floats, Measured, Rows
from components.shared.datasets import Dataset

THRESHOLD: Final = 0.5


class MultilabelClassification:
    """Rows of `text` and `labels`; a label is said when its probability is above one half."""

    main: ClassVar[str] = "micro_f1"
    lower_is_better: ClassVar[tuple[str, ...]] = ()
    baseline_name: ClassVar[str] = "the labels that most training rows have, or the most frequent one"
    asked_alone: ClassVar[str] = "one text"
    answers_all: ClassVar[bool] = True

    def __init__(self, dataset: Dataset, config: Config) -> None:
        self.config = config
        self._train = [row["labels"] for row in dataset.rows("train")]
        every = {label for split in dataset.manifest.splits for row in dataset.rows(split) for label in row["labels"]}
        self.labels = sorted(every)

    def measure(self, model: Path, rows: Rows, what: str) -> Measured:
        """The labels that the model says."""
        classifier = Classifier(model, allow_remote_code=self.config.allow_remote_code)
        texts, began = [row["text"] for row in rows], time.monotonic()
        found = classifier.probabilities(texts, self.config.batch_size, what)
        seconds = time.monotonic() - began
        said = [[label for label, p in zip(classifier.labels, line, strict=True) if p > THRESHOLD] for line in found]
        measured = replace(self._measured(said, rows), probabilities=self._ordered(found, classifier.labels))
        return replace(measured, seconds=seconds, latency=classifier.latency(texts))

    def baseline(self, model: Path, rows: Rows) -> Measured:
        """The same labels for all rows."""
        counts = Counter(label for own in self._train for label in own)
        most = [label for label, number in counts.items() if number > len(self._train) / 2]
        return self._measured([most or [counts.most_common(1)[0][0]]] * len(rows), rows)

    def metrics(self, sums: Floats) -> dict[str, Floats]:
        """From the labels right, said and true of each label, the rows that are exact, and all rows."""
        right, said, true = np.split(sums[:, :-2], 3, axis=1)
        f1 = 2 * right / np.maximum(said + true, 1)
        micro = 2 * right.sum(axis=1) / np.maximum((said + true).sum(axis=1), 1)
        return {"micro_f1": micro, "macro_f1": f1.mean(axis=1), "exact_match": sums[:, -2] / sums[:, -1]}

    def shown(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """The text and its labels."""
        return row["text"], ", ".join(sorted(row["labels"]))

    def _measured(self, said: list[list[str]], rows: Rows) -> Measured:
        answers, truth = self._flags(said), self._flags([row["labels"] for row in rows])
        right = answers & truth
        exact = (answers == truth).all(axis=1)
        ones = np.ones((len(rows), 1))
        statistics = np.hstack([right, answers, truth, exact[:, None], ones]).astype(np.float64)
        f1 = 2 * right.sum(axis=1) / np.maximum(answers.sum(axis=1) + truth.sum(axis=1), 1)
        goodness = np.where(exact, 1.0, f1)
        return Measured(statistics=statistics, goodness=goodness, said=[", ".join(sorted(own)) for own in said])

    def _ordered(self, found: Floats, columns: Sequence[str]) -> Floats:
        """The probabilities of the labels of the dataset; one that the model lacks has none."""
        known = {label: found[:, index] for index, label in enumerate(columns)}
        return np.column_stack([known.get(label, np.zeros(len(found))) for label in self.labels])

    def _flags(self, rows: list[list[str]]) -> NDArray[np.bool_]:
        flags = [[label in own for label in self.labels] for own in map(set, rows)]
        return np.array(flags, dtype=bool).reshape(len(rows), len(self.labels))


MEASURER: Final = MultilabelClassification
