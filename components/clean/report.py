"""The report of `clean`: what went in, what was dropped and why, what was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from components.clean.findings import Findings
from components.clean.operations import OVERLAP
from components.clean.placeholders import PUBLISHED
from components.shared import charts
from components.shared.report import Page

MOST_BARS: Final = 12
MOST_LABELS: Final = 50
LARGE: Final = 10


def write_report(path: Path, counts: Mapping[str, Any], findings: Findings, ties: int, key: str) -> None:
    """Writes the HTML report.

    Args:
        path: The file.
        counts: The content of counts.json.
        findings: Examples and lengths.
        ties: Number of kept rows that are like an earlier kept row.
        key: Id of the key that makes placeholders.
    """
    page = Page("Cleaning", "What was dropped and why, and what was changed in the rest.")
    _tiles(page, counts, ties)
    page.section("From source to dataset")
    page.figures(_charts(counts, findings))
    page.table(["reason to drop", "rows", "share of all", "rows left"], _funnel(counts))
    page.section("Before and after", "How the rows are spread, as they came and as they were kept.")
    page.figures(_before_and_after(findings.distributions.told()))
    _labels(page, counts)
    page.section("Changed texts")
    page.table(["operation", "texts"], list(counts["changed"].items()))
    _personal_data(page, counts["personal_data"], key)
    _clusters(page, findings)
    _evaluation_texts(page, counts)
    page.section("Dropped rows", "The first of each reason; all are in dropped.jsonl of the findings.")
    for reason, examples in findings.examples.items():
        page.section(f"{reason}: {counts['dropped'][reason]:,}")
        page.table(["text", "label", "kept instead"], examples)
    page.write(path)


def _before_and_after(distributions: Mapping[str, Mapping[str, Sequence[int]]]) -> list[tuple[str, str]]:
    found = []
    for name, values in distributions.items():
        shown = list(values.items())[:MOST_BARS]
        series = {when: [rows[place] for _, rows in shown] for place, when in enumerate(("before", "after"))}
        more = f", the {MOST_BARS} most frequent of {len(values)}" if len(values) > MOST_BARS else ""
        chart = charts.bars(series, [value for value, _ in shown], axis="rows", horizontal=True)
        what = f"value of {name.removeprefix('meta.')}" if name.startswith("meta.") else name
        found.append((chart, f"Rows of each {what}{more}."))
    return found


def _personal_data(page: Page, placeholders: Mapping[str, int], key: str) -> None:
    if not placeholders:
        return
    page.section("Personal data", "How many places were replaced by a placeholder.")
    if key == PUBLISHED:
        page.notice(
            "The key of these placeholders is published: whoever has the dataset can try addresses and numbers until "
            "one fits. Use it for texts that are public anyway.",
            "bad",
        )
    chart = charts.bars({"places": list(placeholders.values())}, list(placeholders), axis="places", horizontal=True)
    page.figures([(chart, "Placeholders put in, by kind.")])
    page.table(["kind", "placeholders"], list(placeholders.items()))


def _evaluation_texts(page: Page, counts: Mapping[str, Any]) -> None:
    if compared := counts.get("evaluation_texts"):
        dropped = counts["dropped"].get(OVERLAP, 0)
        told = f"Rows dropped, since they overlap one of its {compared['texts']:,} texts: {dropped:,}."
        page.section("Evaluation set", f"{told} Digest of the texts: {compared['digest']}.")


def _clusters(page: Page, findings: Findings) -> None:
    clusters = findings.clusters
    if not len(clusters.sizes):
        return
    page.section("Duplicates", f"{len(clusters.sizes):,} kept texts stand for others that are the same or nearly so.")
    sizes, numbers = np.unique(np.minimum(clusters.sizes, LARGE), return_counts=True)
    names = [f"{size}" if size < LARGE else f"{LARGE} or more" for size in sizes]
    page.figures([(charts.bars({"clusters": numbers.tolist()}, names, axis="clusters"), "Texts in a cluster.")])
    rows = [(example.size, example.kept, "\n―\n".join(example.others) or "–") for example in clusters.examples.values()]
    page.table(["texts", "the largest clusters: kept", "some that were dropped and are not the same"], rows)


def _tiles(page: Page, counts: Mapping[str, Any], ties: int) -> None:
    rows_in, rows_out = counts["rows_in"], counts["rows_out"]
    page.tiles(
        {
            "Rows before": (f"{rows_in:,}", "from the source"),
            "Rows after": (f"{rows_out:,}", f"{rows_out / rows_in:.1%} kept"),
            "Dropped": (f"{rows_in - rows_out:,}", f"reasons: {len(counts['dropped'])}"),
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


def _funnel(counts: Mapping[str, Any]) -> list[list[Any]]:
    rows, left = counts["rows_in"], counts["rows_in"]
    table: list[list[Any]] = []
    for reason, number in counts["dropped"].items():
        left -= number
        table.append([reason, number, f"{number / rows:.1%}", left])
    return table or [["none", 0, f"{0:.1%}", left]]


def _labels(page: Page, counts: Mapping[str, Any]) -> None:
    before, after = counts["labels_in"], counts["labels_out"]
    if not any(before):
        return
    shown = sorted(before, key=lambda label: (-before[label], label))[:MOST_LABELS]
    page.section("Labels", f"The {MOST_LABELS} most frequent of {len(before):,}." if len(before) > MOST_LABELS else "")
    rows = [
        [label, before[label], after.get(label, 0), f"{after.get(label, 0) / before[label]:.1%}"] for label in shown
    ]
    page.table(["label", "rows before", "rows after", "kept"], rows)
