"""The parts of a report that set the model beside the champion, the base model and the trivial baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from components.evaluate.metric_names import main_first, title
from components.shared.report import Page

Told = Callable[[Mapping[str, Any], str, int], str]
"""Says of a comparison, of whom it is with, and of the number of rows on which the other one is better, how the two
differ, after "Of the test rows,"."""


def sections(page: Page, evaluation: Mapping[str, Any], rows_told: Told) -> None:
    """Adds them.

    Args:
        page: The report.
        evaluation: The content of metrics.json.
        rows_told: Tells of the rows.
    """
    _champion(page, evaluation, rows_told)
    _base_model(page, evaluation, rows_told)
    baseline = evaluation["baseline"]
    _section(page, "baseline", f"That is {baseline['name']}.", baseline, evaluation, rows_told)


def told_of_base_model(evaluation: Mapping[str, Any]) -> Mapping[str, float]:
    """The metrics of the base model; empty when it was not measured."""
    found: Mapping[str, float] = (evaluation["base_model"] or {}).get("metrics", {})
    return found


def _champion(page: Page, evaluation: Mapping[str, Any], rows_told: Told) -> None:
    champion = evaluation["champion"]
    if champion is None:
        page.notice("There is no champion yet: the model has the baseline to beat.")
    elif champion["same_model"]:
        page.notice(f"This model is the champion, {champion['identity']}.", "good")
    else:
        about = f"{champion['identity']}, trained on {champion['dataset_revision']}."
        _section(page, "champion", about, champion, evaluation, rows_told)


def _base_model(page: Page, evaluation: Mapping[str, Any], rows_told: Told) -> None:
    base_model = evaluation["base_model"]
    if base_model is None:
        return
    if reason := base_model.get("left_out"):
        page.text(f"The base model {base_model['reference']} is not measured before tuning: {reason}.")
    else:
        about = f"{base_model['reference']}, as it was before tuning."
        _section(page, "base model", about, base_model, evaluation, rows_told)


def _section(
    page: Page, who: str, about: str, other: Mapping[str, Any], evaluation: Mapping[str, Any], rows_told: Told
) -> None:
    better = other[f"only_{who.replace(' ', '_')}_right"]
    page.section(f"Beside the {who}", f"{about} Of the test rows, {rows_told(other, who, better)}")
    rows = [
        [
            title(name),
            evaluation["metrics"][name],
            other["metrics"][name],
            f"{one['value']:+.3f}",
            f"{one['low']:+.3f} to {one['high']:+.3f}",
            _verdict(one, name in evaluation["lower_is_better"]),
        ]
        for name in main_first(other["difference"], evaluation["main_metric"])
        for one in [other["difference"][name]]
    ]
    level = f"{evaluation['confidence']:.0%} interval"
    page.table(["metric", "this model", who, "difference", level, "this model is"], rows)


def _verdict(difference: Mapping[str, float], lower_is_better: bool) -> str:
    """What the interval of a difference allows to say."""
    sign = "less" if difference["high"] < 0 else "more" if difference["low"] > 0 else ""
    if not sign:
        return "not surely different"
    return "better" if (sign == "less") == lower_is_better else "worse"
