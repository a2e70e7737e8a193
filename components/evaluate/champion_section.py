"""The part of a report that sets the model beside the champion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from components.shared.report import Page


def champion_section(
    page: Page, champion: Mapping[str, Any] | None, rows_told: Callable[[Mapping[str, Any]], str]
) -> None:
    """Adds it.

    Args:
        page: The report.
        champion: The comparison as it stands in the evaluation; None without a champion.
        rows_told: Says of a comparison on which test rows the two differ, after "Of the test rows,".
    """
    if champion is None:
        page.notice("There is no champion yet: the model has the baseline to beat.")
        return
    if champion["same_model"]:
        page.notice(f"This model is the champion, {champion['identity']}.", "good")
        return
    page.section(
        "Beside the champion",
        f"{champion['identity']}, trained on {champion['dataset_revision']}. Of the test rows, {rows_told(champion)}",
    )
    rows = [
        [name, champion["metrics"][name], f"{one['value']:+.3f}", f"{one['low']:+.3f} to {one['high']:+.3f}"]
        for name, one in champion["difference"].items()
    ]
    page.table(["metric", "champion", "difference", "interval of the difference"], rows)
