"""The parts of a report that tell how well labels are chosen: calibration, ROC curves, a line for each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.evaluate.metrics import Outcome, reliability
from components.shared import charts
from components.shared.report import Page

MOST_CURVES: Final = 8
"""ROC curves of more labels are not drawn."""


def label_tiles(measured: Mapping[str, float]) -> dict[str, tuple[str, str]]:
    """ROC-AUC and calibration error, of those that were measured."""
    told = {
        "roc_auc": ("ROC-AUC", "1 is perfect, 0.5 is chance"),
        "calibration_error": ("Calibration error", "confidence less accuracy, 0 is best"),
    }
    return {title: (f"{measured[name]:.3f}", note) for name, (title, note) in told.items() if name in measured}


def quality(
    page: Page,
    labels: Sequence[Mapping[str, Any]],
    whole: Outcome,
    parts: Sequence[Outcome],
    *first: tuple[str, str],
) -> None:
    """Adds figures and the table.

    Args:
        page: The report.
        labels: As `metrics.per_label` describes them.
        whole: Of which the calibration is drawn.
        parts: Of which the ROC curves are drawn.
        first: Figures that come before.
    """
    confidence, accuracy, rows = reliability(whole)
    figures = [
        *first,
        (
            charts.reliability(confidence.tolist(), accuracy.tolist(), rows.tolist()),
            "Calibration: how often the model is right when it is so sure; points grow with their rows",
        ),
    ]
    if len(labels) <= MOST_CURVES:
        curves = {name: curve for part in parts for name, curve in _roc_curves(part).items()}
        figures.append((charts.roc(curves), "ROC curves, each label against the rest"))
    page.figures(figures)
    page.table(
        ["label", "rows", "precision", "recall", "F1"],
        [[one["label"], one["rows"], one["precision"], one["recall"], one["f1"]] for one in labels],
    )


def _roc_curves(result: Outcome) -> dict[str, charts.Points]:
    from sklearn.metrics import roc_curve

    shown = range(1, 2) if len(result.labels) == 2 else range(len(result.labels))
    curves = {}
    for index in shown:
        truth = result.truth == index
        if truth.any() and not truth.all():
            false, true, _ = roc_curve(truth, result.probabilities[:, index])
            curves[result.labels[index]] = (false.tolist(), true.tolist())
    return curves
