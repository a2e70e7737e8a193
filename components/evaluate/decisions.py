"""Several labels for a text as decisions: each label is given or withheld, a classification with two answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluate.metrics import Floats, Outcome, calibration_error, per_label, scores
from components.evaluate.tasks import Rows


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What a model decided on each label of each row.

    Attributes:
        by_label: The decisions on each label.
        together: Those on all labels.
    """

    by_label: Mapping[str, Outcome]
    together: Outcome

    @classmethod
    def of(cls, labels: Sequence[str], rows: Rows, probabilities: Floats) -> Decisions:
        """Makes them from the probability of each label for each row, in the order of `labels`."""
        true = np.array([[label in row["labels"] for label in labels] for row in rows])
        return cls(
            by_label={
                label: _outcome(label, true[:, index], probabilities[:, index]) for index, label in enumerate(labels)
            },
            together=_outcome("given", true.ravel(), probabilities.ravel()),
        )

    def table(self) -> list[dict[str, Any]]:
        """Rows, precision, recall and F1 of each label, as of a plain classification."""
        return [per_label(one)[1] for one in self.by_label.values()]

    def metrics(self) -> dict[str, float]:
        """Calibration error of all decisions, and ROC-AUC (macro), which is left out where no label can have it."""
        found = {"calibration_error": calibration_error(self.together)}
        areas = [area for one in self.by_label.values() if (area := scores(one).get("roc_auc")) is not None]
        return found | ({"roc_auc": float(np.mean(areas))} if areas else {})


def _outcome(label: str, true: NDArray[np.bool_], probability: Floats) -> Outcome:
    both = np.column_stack([1 - probability, probability])
    return Outcome(
        labels=(f"not {label}", label),
        truth=true.astype(np.int64),
        predicted=both.argmax(axis=1),
        probabilities=both,
    )
