"""Multi-label classification: none, one or several labels for each text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from components.train.tasks import SPLITS
from components.train.tasks.classification import Classification, check_labels, logits_of


class MultilabelClassification(Classification):
    """Rows of `text` and `labels`, in the splits `train` and `validation`."""

    problem_type: ClassVar[str] = "multi_label_classification"
    measures: ClassVar[int] = 6

    def units(self, split: str, rows: NDArray[np.int64], epoch: int) -> float:
        """The loss is a mean over rows and labels."""
        return float(len(rows) * len(self.labels))

    def loss(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """The summed binary cross-entropy of each label."""
        import torch

        smoothing, labels = self._config.label_smoothing, batch["labels"]
        weight = None if self._weights is None else torch.as_tensor(self._weights, device=labels.device)
        smoothed = labels * (1 - smoothing) + smoothing / 2
        logits, gamma = logits_of(model, batch), self._config.focal_gamma
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, smoothed, pos_weight=weight, reduction="none" if gamma else "sum"
        )
        if not gamma:
            return losses
        sure = torch.where(labels > 0, logits.sigmoid(), (-logits).sigmoid())
        return ((1 - sure) ** gamma * losses).sum()

    def measure(self, model: Any, batch: Mapping[str, Any]) -> list[float]:
        """Summed loss, rows with exactly their labels, labels right, said and true, and rows."""
        import torch

        logits, labels = logits_of(model, batch), batch["labels"]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        said, true = logits > 0, labels > 0
        exact = (said == true).all(dim=1).sum().item()
        return [loss.item(), exact, (said & true).sum().item(), said.sum().item(), true.sum().item(), len(labels)]

    def metrics(self, sums: list[float]) -> dict[str, float]:
        """Mean loss, micro-F1, and the share of the rows with exactly their labels."""
        loss, exact, right, said, true, rows = sums
        return {
            "loss": loss / rows / len(self.labels),
            "micro_f1": 2 * right / max(said + true, 1),
            "exact_match": exact / rows,
        }

    def quality(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """The model with the greater micro-F1 is better; of equal ones, that with the smaller loss."""
        return (metrics["micro_f1"], -metrics["loss"])

    def _read_labels(self) -> tuple[list[str], dict[str, NDArray[Any]]]:
        named = {split: self._dataset.table(split)["labels"].to_pylist() for split in SPLITS}
        known = {split: sorted({label for row in rows for label in row}) for split, rows in named.items()}
        labels = known["train"]
        check_labels(labels, known["validation"])
        number = {label: index for index, label in enumerate(labels)}
        targets = {split: np.zeros((len(rows), len(labels)), dtype=np.float32) for split, rows in named.items()}
        for split, rows in named.items():
            for row, own in enumerate(rows):
                targets[split][row, [number[label] for label in own]] = 1
        return labels, targets

    def _label_counts(self) -> NDArray[np.int64]:
        return np.asarray(self._targets["train"].sum(axis=0), dtype=np.int64)


TASK: Final = MultilabelClassification
