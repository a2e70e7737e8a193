"""All that an evaluation found, as the report shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.evaluate.metrics import Outcome


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The results of an evaluation.

    Attributes:
        rows: The test rows.
        result: What the model said of them.
        champion: What the champion said of them; None when there is none.
        base_model: What the base model said before it was tuned; None when it could not.
        evaluation: The content of metrics.json.
        training: The model's training.json.
        rows_per_second: Speed of prediction on this machine.
        latency: Seconds for one text by itself.
    """

    rows: Sequence[Mapping[str, Any]]
    result: Outcome
    champion: Outcome | None
    base_model: Outcome | None
    evaluation: Mapping[str, Any]
    training: Mapping[str, Any]
    rows_per_second: float
    latency: float

    @property
    def others(self) -> dict[str, Outcome]:
        """What the other models said, by the names that people read."""
        both = {"base model": self.base_model, "champion": self.champion}
        return {name: outcome for name, outcome in both.items() if outcome is not None}

    def worst_errors(self, most: int) -> list[list[str | float]]:
        """The errors made with most confidence: true and predicted label, confidence, labels of the others, text."""
        result, others = self.result, self.others.values()
        wrong = np.flatnonzero(~result.right)
        order = wrong[np.argsort(-result.confidence[wrong], kind="stable")][:most]
        return [
            [
                result.labels[result.truth[row]],
                result.labels[result.predicted[row]],
                float(result.confidence[row]),
                *(other.labels[other.predicted[row]] for other in others),
                self.rows[row]["text"],
            ]
            for row in order
        ]

    def write_predictions(self, path: Path) -> None:
        """Writes one row for each test row: id, label, predicted label, probabilities, the labels of the others."""
        import pyarrow as pa
        from pyarrow import parquet

        result = self.result
        labels = np.array(result.labels)
        columns = {
            "id": [row["id"] for row in self.rows],
            "label": labels[result.truth].tolist(),
            "predicted": labels[result.predicted].tolist(),
            **{f"probability_{label}": result.probabilities[:, index] for index, label in enumerate(result.labels)},
        }
        for name, other in self.others.items():
            columns[f"{name.replace(' ', '_')}_predicted"] = labels[other.predicted].tolist()
        parquet.write_table(pa.table(columns), path, compression="zstd")
