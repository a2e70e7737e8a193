"""What an evaluation of any task but plain classification found, and the HTML report of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from components.evaluate.champion_section import champion_section
from components.evaluate.config import Config
from components.evaluate.report import lineage_facts, notice_of_other_data, training_figures
from components.evaluate.slices import length_name, lengths_bounds
from components.evaluate.tasks import SAMPLES, Measured, Measurer, Rows
from components.shared.report import Page

SHOWN_CHARS: Final = 600
MOST_VALUES: Final = 20
"""Of a column with more values, the most frequent ones are shown."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The results.

    Attributes:
        rows: The test rows.
        measurer: Knows the task.
        own: What the model did.
        champion: What the champion did; None when there is none.
        evaluation: The content of metrics.json.
        training: The model's training.json.
        rows_per_second: Speed on this machine.
    """

    rows: Rows
    measurer: Measurer
    own: Measured
    champion: Measured | None
    evaluation: Mapping[str, Any]
    training: Mapping[str, Any]
    rows_per_second: float

    def write_predictions(self, path: Path) -> None:
        """Writes one row for each test row: id, what was said, how good it is, and the same of the champion."""
        import pyarrow as pa
        from pyarrow import parquet

        columns: dict[str, Any] = {
            "id": [row["id"] for row in self.rows],
            "said": list(self.own.said),
            "goodness": self.own.goodness,
        }
        if self.champion is not None:
            columns |= {"champion_said": list(self.champion.said), "champion_goodness": self.champion.goodness}
        parquet.write_table(pa.table(columns), path, compression="zstd")


def write_report(config: Config, findings: Findings) -> None:
    """Writes the page."""
    evaluation = findings.evaluation
    lineage = evaluation["lineage"]
    page = Page(
        f"Evaluation of {config.model_name}",
        f"{config.task}, dataset {lineage.get('dataset_revision', 'unknown')}, "
        f"model {evaluation['model']['digest'][:16]}, {evaluation['test']['rows']:,} test rows",
    )
    page.tiles(_tiles(findings))
    notice_of_other_data(page, evaluation)
    champion_section(page, evaluation["champion"], _better_rows)
    page.section("Metrics", f"The baseline: {evaluation['baseline']['name']}.")
    page.table(["metric", "value", "interval", "baseline", "better is"], _metrics(evaluation))
    training_figures(page, findings.training)
    _before_tuning(page, findings.training)
    _samples(page, findings)
    page.section("Parts of the test split", "By length and by the columns kept for it.")
    page.table(["slice", "value", "rows", evaluation["main_metric"]], _slices(findings))
    _examples(page, config, findings)
    page.section("Lineage")
    page.facts(lineage_facts(evaluation))
    page.write(config.report)


def _tiles(findings: Findings) -> dict[str, tuple[str, str]]:
    evaluation = findings.evaluation
    metrics, level = evaluation["metrics"], f"{evaluation['confidence']:.0%} interval"
    tiles = {
        name: (f"{metrics[name]:.3f}", f"{metrics[f'{name}_low']:.3f} to {metrics[f'{name}_high']:.3f}, {level}")
        for name in evaluation["baseline"]["metrics"]
    }
    main = evaluation["main_metric"]
    tiles["Baseline"] = (f"{evaluation['baseline']['metrics'][main]:.3f}", f"{main} of a trivial answer")
    if champion := evaluation["champion"]:
        tiles["Champion"] = (f"{champion['metrics'][main]:.3f}", f"{main} of {champion['identity']}")
    size = evaluation["model"]["bytes"] / 1e6
    tiles["Speed"] = (f"{findings.rows_per_second:,.1f}/s", f"rows on this machine; weights of {size:,.1f} MB")
    return tiles


def _before_tuning(page: Page, training: Mapping[str, Any]) -> None:
    """What the base model reached on the validation split, beside the tuned one."""
    before, steps = training.get("before"), training.get("validations", [])
    best = next((one for one in steps if one["step"] == training.get("best_step")), None)
    if before and best:
        page.section("Before tuning", "The base model on the validation split, and the model kept.")
        rows = [[name, before[name], best[name]] for name in before if name in best and name not in ("step", "epoch")]
        page.table(["metric", "before", "after"], rows)


def _samples(page: Page, findings: Findings) -> None:
    """The first test rows, whatever was said of them."""
    if any(findings.own.said[:SAMPLES]):
        page.section("Samples", "The first rows of the test split, good or bad.")
        shown = range(min(SAMPLES, len(findings.rows)))
        page.table(["asked", "right", "said", "champion said"], [_example(findings, number) for number in shown])


def _better_rows(champion: Mapping[str, Any]) -> str:
    return (
        f"the model is better on {champion['only_model_right']:,} and the champion on "
        f"{champion['only_champion_right']:,}."
    )


def _metrics(evaluation: Mapping[str, Any]) -> list[list[Any]]:
    metrics = evaluation["metrics"]
    return [
        [
            name,
            metrics[name],
            f"{metrics[f'{name}_low']:.3f} to {metrics[f'{name}_high']:.3f}",
            value,
            "less" if name in evaluation["lower_is_better"] else "more",
        ]
        for name, value in evaluation["baseline"]["metrics"].items()
    ]


def _slices(findings: Findings) -> list[list[Any]]:
    """The main metric on rows of like length, and on those of each value of a meta column."""
    lengths = np.array([len(findings.measurer.shown(row)[0]) for row in findings.rows])
    bounds = lengths_bounds(lengths)
    groups = {"length": [length_name(length, bounds) for length in lengths]}
    for column in findings.rows[0].get("meta") or {}:
        groups[column] = [str(row["meta"][column]) for row in findings.rows]
    return [line for name, values in groups.items() for line in _by_value(findings, name, np.array(values))]


def _by_value(findings: Findings, name: str, values: np.ndarray[Any, Any]) -> list[list[Any]]:
    found, counts = np.unique(values, return_counts=True)
    frequent = sorted(found[np.argsort(-counts, kind="stable")][:MOST_VALUES])
    lines: list[list[Any]] = []
    for value in frequent:
        sums = findings.own.statistics[values == value].sum(axis=0, keepdims=True)
        metric = findings.measurer.metrics(sums)[findings.measurer.main][0]
        lines.append([name, str(value), int((values == value).sum()), float(metric)])
    return lines


def _examples(page: Page, config: Config, findings: Findings) -> None:
    """The rows answered worst and best, with what the model and the champion said."""
    order = np.argsort(findings.own.goodness, kind="stable")
    half = max(1, config.worst_errors // 2)
    for title, numbers in (("The worst answers", order[:half]), ("The best answers", order[::-1][:half])):
        page.section(title)
        page.table(["asked", "right", "said", "champion said"], [_example(findings, int(number)) for number in numbers])


def _example(findings: Findings, number: int) -> list[str]:
    asked, right = findings.measurer.shown(findings.rows[number])
    theirs = findings.champion.said[number] if findings.champion else ""
    return [text[:SHOWN_CHARS] for text in (asked, right, findings.own.said[number], theirs)]
