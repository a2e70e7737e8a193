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
        evaluation: The content of metrics.json.
        training: The model's training.json.
        rows_per_second: Speed of prediction on this machine.
    """

    rows: Sequence[Mapping[str, Any]]
    result: Outcome
    champion: Outcome | None
    evaluation: Mapping[str, Any]
    training: Mapping[str, Any]
    rows_per_second: float

    def worst_errors(self, most: int) -> list[tuple[str, str, float, str]]:
        """The errors made with most confidence: true label, predicted label, confidence and text."""
        result = self.result
        wrong = np.flatnonzero(~result.right)
        order = wrong[np.argsort(-result.confidence[wrong], kind="stable")][:most]
        return [
            (
                result.labels[result.truth[row]],
                result.labels[result.predicted[row]],
                float(result.confidence[row]),
                self.rows[row]["text"],
            )
            for row in order
        ]

    def write_predictions(self, path: Path) -> None:
        """Writes one row for each test row: id, label, predicted label, probabilities, the champion's label."""
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
        if self.champion is not None:
            columns["champion_predicted"] = labels[self.champion.predicted].tolist()
        parquet.write_table(pa.table(columns), path, compression="zstd")
