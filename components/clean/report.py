"""The report of `clean`: what went in, what was dropped and why, what was changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from components.clean.findings import Findings
from components.shared import charts
from components.shared.report import Page


def write_report(path: Path, counts: Mapping[str, Any], findings: Findings, ties: int) -> None:
    """Writes the HTML report.

    Args:
        path: The file.
        counts: The content of counts.json.
        findings: Examples and lengths.
        ties: Number of kept rows that are like an earlier kept row.
    """
    page = Page("Cleaning", "What was dropped and why, and what was changed in the rest.")
    _tiles(page, counts, ties)
    page.section("From source to dataset")
    page.figures(_charts(counts, findings))
    page.section("Labels")
    page.table(["label", "rows before", "rows after", "kept"], _labels(counts))
    page.section("Changed texts")
    page.table(["operation", "texts"], list(counts["changed"].items()))
    if counts["personal_data"]:
        page.table(["personal data", "placeholders"], list(counts["personal_data"].items()))
    page.section("Dropped rows", "The first of each reason; all are in dropped.jsonl of the findings.")
    for reason, examples in findings.examples.items():
        page.section(f"{reason}: {counts['dropped'][reason]:,}")
        page.table(["text", "label", "kept instead"], examples)
    page.write(path)


def _tiles(page: Page, counts: Mapping[str, Any], ties: int) -> None:
    rows_in, rows_out = counts["rows_in"], counts["rows_out"]
    page.tiles(
        {
            "Rows before": (f"{rows_in:,}", "from the source"),
            "Rows after": (f"{rows_out:,}", f"{rows_out / rows_in:.1%} kept"),
            "Dropped": (f"{rows_in - rows_out:,}", f"for {len(counts['dropped'])} reasons"),
            "Alike": (f"{ties:,}", "kept rows that are never split from what they are like"),
            "Personal data": (f"{sum(counts['personal_data'].values()):,}", "places replaced"),
        }
    )


def _charts(counts: Mapping[str, Any], findings: Findings) -> list[tuple[str, str]]:
    labels, left = ["source"], [counts["rows_in"]]
    for reason, rows in counts["dropped"].items():
        labels.append(f"– {reason}")
        left.append(left[-1] - rows)
    kept, dropped = findings.lengths_kept, findings.lengths_dropped
    limit = np.quantile(np.concatenate([kept, dropped]), 0.99, method="lower")
    series = {"kept": kept, "dropped": dropped} if len(dropped) else {"kept": kept}
    lengths = {name: np.minimum(values, limit) for name, values in series.items()}
    return [
        (
            charts.bars({"rows": left}, labels, axis="rows left", horizontal=True),
            "Rows left after each reason to drop.",
        ),
        (
            charts.histogram(lengths, x="characters"),
            "Lengths of the cleaned texts; the longest 1 % stand in the last bar.",
        ),
    ]


def _labels(counts: Mapping[str, Any]) -> list[list[Any]]:
    after = counts["labels_out"]
    return [
        [label, rows, after.get(label, 0), after.get(label, 0) / rows] for label, rows in counts["labels_in"].items()
    ]
