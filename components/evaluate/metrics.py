"""Classification metrics from predictions, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CALIBRATION_BINS: Final = 15
ROC_POINTS: Final = 100
"""Most points of a curve that Kubeflow is to draw: they all travel in its metadata."""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a model said of the rows of a test split.

    Attributes:
        labels: All labels, sorted.
        truth: Index of each row's label.
        predicted: Index of the most probable label of each row.
        probabilities: Shape (rows, labels).
    """

    labels: tuple[str, ...]
    truth: Ints
    predicted: Ints
    probabilities: Floats

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each row was labelled right."""
        same: NDArray[np.bool_] = self.truth == self.predicted
        return same

    @property
    def confidence(self) -> Floats:
        """Probability of the predicted label of each row."""
        best: Floats = self.probabilities.max(axis=1)
        return best


def outcome(labels: Sequence[str], truth: Sequence[str], probabilities: Floats, columns: Sequence[str]) -> Outcome:
    """Makes an Outcome.

    Args:
        labels: All labels of the dataset.
        truth: Label of each row.
        probabilities: As the model gives them, shape (rows, columns).
        columns: The model's labels; one that the dataset lacks is kept, one that the model lacks is never predicted.
    """
    every = tuple(sorted({*labels, *columns}))
    number = {label: index for index, label in enumerate(every)}
    ordered = np.zeros((len(truth), len(every)))
    ordered[:, [number[column] for column in columns]] = probabilities
    return Outcome(
        labels=every,
        truth=np.array([number[label] for label in truth], dtype=np.int64),
        predicted=ordered.argmax(axis=1),
        probabilities=ordered,
    )


def confusion(result: Outcome) -> Ints:
    """Counts of rows, shape (labels, labels): true label by predicted label."""
    size = len(result.labels)
    counts: Ints = np.bincount(result.truth * size + result.predicted, minlength=size * size)
    return counts.reshape(size, size)


def scores(result: Outcome) -> dict[str, float]:
    """Accuracy, macro-F1, ROC-AUC (one against the rest, macro), expected calibration error and log loss.

    ROC-AUC is left out where a label has no row or only one label has any.
    """
    from sklearn import metrics

    present = np.unique(result.truth)
    own = result.probabilities[np.arange(len(result.truth)), result.truth]
    found = {
        "accuracy": float(result.right.mean()),
        "macro_f1": float(metrics.f1_score(result.truth, result.predicted, labels=present, average="macro")),
        "calibration_error": calibration_error(result),
        "log_loss": float(-np.log(np.clip(own, 1e-12, 1)).mean()),
    }
    if len(present) > 1:
        areas = [metrics.roc_auc_score(result.truth == one, result.probabilities[:, one]) for one in present]
        found["roc_auc"] = float(np.mean(areas))
    return found


def calibration_error(result: Outcome) -> float:
    """Expected calibration error over bins of equal width (Guo et al. 2017, On Calibration of Modern Networks)."""
    confidence, accuracy, rows = reliability(result)
    return float((rows * np.abs(confidence - accuracy)).sum() / max(rows.sum(), 1))


def reliability(result: Outcome) -> tuple[Floats, Floats, Ints]:
    """Mean confidence, accuracy and rows of each bin of confidence that has rows."""
    bins = np.minimum((result.confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    rows = np.bincount(bins, minlength=CALIBRATION_BINS)
    used = rows > 0
    confidence = np.bincount(bins, result.confidence, CALIBRATION_BINS)[used] / rows[used]
    accuracy = np.bincount(bins, result.right, CALIBRATION_BINS)[used] / rows[used]
    return confidence, accuracy, rows[used]


def per_label(result: Outcome) -> list[dict[str, Any]]:
    """Rows, precision, recall and F1 of each label."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(
        result.truth, result.predicted, labels=range(len(result.labels)), zero_division=0.0
    )
    *shares, _ = columns
    rows = np.bincount(result.truth, minlength=len(result.labels))  # scikit-learn's are floats for some labels
    names = ("precision", "recall", "f1")
    return [
        {"label": label, **{name: float(share[index]) for name, share in zip(names, shares, strict=True)}}
        | {"rows": int(rows[index])}
        for index, label in enumerate(result.labels)
    ]


def kubeflow_view(result: Outcome) -> dict[str, Any]:
    """Confusion matrix and ROC curve in the form of Kubeflow's ClassificationMetrics.

    The curve is of the last label where there are two, else of all labels together, each against the rest. It has at
    most ROC_POINTS points, and is left out where only one label has rows.
    """
    from sklearn.metrics import roc_curve

    matrix = {
        "annotationSpecs": [{"displayName": label} for label in result.labels],
        "rows": [{"row": row} for row in confusion(result).tolist()],
    }
    true = np.eye(len(result.labels), dtype=bool)[result.truth]
    columns = [-1] if len(result.labels) == 2 else range(len(result.labels))
    wanted, score = true[:, columns].ravel(), result.probabilities[:, columns].ravel()
    if wanted.all() or not wanted.any():
        return {"confusionMatrix": matrix}
    false, hits, thresholds = roc_curve(wanted, score)
    picked = np.unique(np.linspace(0, len(false) - 1, min(len(false), ROC_POINTS)).astype(int))
    points = [
        {
            "confidenceThreshold": float(min(thresholds[at], 1.0)),  # the first one is infinite, which JSON has not
            "falsePositiveRate": float(false[at]),
            "recall": float(hits[at]),
        }
        for at in picked
    ]
    return {"confidenceMetrics": points, "confusionMatrix": matrix}


class Bootstrap:
    """Resamples rows of a test split for one model or two.

    All metrics here are functions of how often each combination of true and predicted labels occurs, and
    resampling rows with replacement makes those counts multinomial; so the counts are drawn, not the rows
    (Efron and Tibshirani 1993, An Introduction to the Bootstrap, percentile intervals).

    Args:
        truth: True label of each row.
        predictions: Predicted labels of each row, for each model.
        rounds: Number of resamples.
        seed: Seed of the generator.
    """

    def __init__(self, truth: Ints, predictions: Sequence[Ints], rounds: int, seed: int) -> None:
        combinations, counts = np.unique(np.stack([truth, *predictions]), axis=1, return_counts=True)
        self._truth, self._predictions = combinations[0], combinations[1:]
        self._present = np.unique(truth)
        draws = np.random.Generator(np.random.PCG64(seed)).multinomial(len(truth), counts / len(truth), rounds)
        self._draws = draws.astype(np.float64)

    def samples(self, metric: str, model: int = 0) -> Floats:
        """The metric ("accuracy" or "macro_f1") of a model in each resample."""
        predicted = self._predictions[model]
        right = self._draws * (self._truth == predicted)
        if metric == "accuracy":
            shares: Floats = right.sum(axis=1) / self._draws.sum(axis=1)
            return shares
        assert metric == "macro_f1", metric
        true = self._draws @ (self._truth[:, None] == self._present)
        claimed = self._draws @ (predicted[:, None] == self._present)
        hits = right @ (self._truth[:, None] == self._present)
        f1: Floats = (2 * hits / np.maximum(true + claimed, 1)).mean(axis=1)
        return f1


def interval(samples: Floats, confidence: float) -> tuple[float, float]:
    """The percentile interval of resampled values."""
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
