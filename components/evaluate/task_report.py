"""What an evaluation of any task but plain classification found, and the HTML report of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from components.evaluate import beside
from components.evaluate.config import Config
from components.evaluate.decisions import Decisions
from components.evaluate.label_report import label_tiles, quality
from components.evaluate.metric_names import main_first, title
from components.evaluate.report import cost_tiles, lineage_facts, notice_of_other_data, training_figures
from components.evaluate.tasks import SAMPLES, Measured, Measurer, Rows
from components.shared.report import Page

SHOWN_CHARS: Final = 600
NOTHING: Final = "(nothing)"
"""What a model said that was asked and said nothing."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The results.

    Attributes:
        rows: The test rows.
        measurer: Knows the task.
        own: What the model did.
        champion: What the champion did; None when there is none.
        base_model: What the base model did before it was tuned; None when it could not.
        evaluation: The content of metrics.json.
        training: The model's training.json.
        decisions: Its labels, given or withheld, where a row may have several.
    """

    rows: Rows
    measurer: Measurer
    own: Measured
    champion: Measured | None
    base_model: Measured | None
    evaluation: Mapping[str, Any]
    training: Mapping[str, Any]
    decisions: Decisions | None

    @property
    def others(self) -> dict[str, Measured]:
        """What the other models did, by the names that people read."""
        both = {"base model": self.base_model, "champion": self.champion}
        return {name: measured for name, measured in both.items() if measured is not None}

    def write_predictions(self, path: Path) -> None:
        """Writes one row for each test row: id, what was said, how good it is, and the same of the others."""
        import pyarrow as pa
        from pyarrow import parquet

        columns: dict[str, Any] = {
            "id": [row["id"] for row in self.rows],
            "said": list(self.own.said),
            "goodness": self.own.goodness,
        }
        for name, other in self.others.items():
            who = name.replace(" ", "_")
            columns |= {f"{who}_said": list(other.said), f"{who}_goodness": other.goodness}
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
    page.section("Metrics", f"The baseline: {evaluation['baseline']['name']}.")
    level = f"{evaluation['confidence']:.0%} interval"
    page.table(["metric", "better is", "this model", level, "baseline", *findings.others], _metrics(evaluation))
    beside.sections(page, evaluation, _better_rows)
    if decided := findings.decisions:
        page.section("Quality", "Each label by itself, given to a text or withheld; calibration is that of all.")
        quality(page, evaluation["labels"], decided.together, list(decided.by_label.values()))
    _samples(page, findings)
    training_figures(page, findings.training)
    if not beside.told_of_base_model(evaluation):
        _before_tuning(page, findings.training)
    page.section(
        "Parts of the test split", f"{title(evaluation['main_metric'])} by length, script and the columns kept."
    )
    slices = [list(one.values()) for one in evaluation["slices"]]
    page.table(["slice", "value", "rows", "this model", *findings.others], slices)
    _examples(page, config, findings)
    page.section("Lineage")
    page.facts(lineage_facts(evaluation))
    page.write(config.report)


def _tiles(findings: Findings) -> dict[str, tuple[str, str]]:
    evaluation = findings.evaluation
    metrics, level = evaluation["metrics"], f"{evaluation['confidence']:.0%} interval"
    tiles = {
        title(name): (f"{metrics[name]:.3f}", f"{metrics[f'{name}_low']:.3f} to {metrics[f'{name}_high']:.3f}, {level}")
        for name in main_first(evaluation["baseline"]["metrics"], evaluation["main_metric"])
    }
    main = evaluation["main_metric"]
    tiles |= label_tiles(metrics)
    tiles["Baseline"] = (f"{evaluation['baseline']['metrics'][main]:.3f}", f"{title(main)} of a trivial answer")
    if base_model := beside.told_of_base_model(evaluation):
        tiles["Base model"] = (f"{base_model[main]:.3f}", f"{title(main)} before tuning")
    if champion := evaluation["champion"]:
        tiles["Champion"] = (f"{champion['metrics'][main]:.3f}", f"{title(main)} of {champion['identity']}")
    speed = len(findings.rows) / max(findings.own.seconds, 1e-9)
    return tiles | cost_tiles(evaluation, speed, findings.own.latency, findings.measurer.asked_alone)


def _before_tuning(page: Page, training: Mapping[str, Any]) -> None:
    """What the base model reached on the validation split, beside the tuned one."""
    before, steps = training.get("before"), training.get("validations", [])
    best = next((one for one in steps if one["step"] == training.get("best_step")), None)
    if before and best:
        page.section("Before tuning", "The base model on the validation split, and the model kept.")
        rows = [
            [title(name), before[name], best[name]] for name in before if name in best and name not in ("step", "epoch")
        ]
        page.table(["metric", "before", "after"], rows)


def _samples(page: Page, findings: Findings) -> None:
    """The first test rows, whatever was said of them."""
    if findings.measurer.answers_all or any(findings.own.said[:SAMPLES]):
        told = " Of masked models: hidden → guessed." if findings.evaluation["task"] == "masked_lm" else ""
        page.section("Samples", f"The first rows of the test split, good or bad.{told}")
        _rows(page, findings, range(min(SAMPLES, len(findings.rows))), all_asked=True)


def _better_rows(other: Mapping[str, Any], who: str, theirs: int) -> str:
    return f"this model is better on {other['only_model_right']:,} and the {who} on {theirs:,}."


def _metrics(evaluation: Mapping[str, Any]) -> list[list[Any]]:
    metrics, champion = evaluation["metrics"], evaluation["champion"]
    others = [told for told in (beside.told_of_base_model(evaluation), champion and champion["metrics"]) if told]
    return [
        [
            title(name),
            "less" if name in evaluation["lower_is_better"] else "more",
            metrics[name],
            f"{metrics[f'{name}_low']:.3f} to {metrics[f'{name}_high']:.3f}",
            evaluation["baseline"]["metrics"][name],
            *(theirs[name] for theirs in others),
        ]
        for name in main_first(evaluation["baseline"]["metrics"], evaluation["main_metric"])
    ]


def _main(findings: Findings, measured: Measured, chosen: np.ndarray[Any, Any]) -> float:
    """The main metric over some rows."""
    sums = measured.statistics[chosen].sum(axis=0, keepdims=True)
    return float(findings.measurer.metrics(sums)[findings.measurer.main][0])


def _examples(page: Page, config: Config, findings: Findings) -> None:
    """The rows answered worst and best, with what each model said."""
    measurer = findings.measurer
    each = measurer.metrics(findings.own.statistics)[measurer.main]
    order = np.argsort(-each if measurer.main in measurer.lower_is_better else each, kind="stable").tolist()
    half = max(1, min(config.worst_errors, len(order)) // 2)  # no row is among both
    page.section("Errors worth reading", "The rows that this model answered worst.")
    _rows(page, findings, order[:half], all_asked=measurer.answers_all)
    page.section("The best answers")
    _rows(page, findings, order[::-1][:half], all_asked=measurer.answers_all)


def _rows(page: Page, findings: Findings, numbers: Iterable[int], *, all_asked: bool) -> None:
    """Some test rows with what each model said, side by side, and how good that is.

    Models of a language are asked to say something of a few rows only; of others the metric of each model is shown.
    """
    models, main = {"this model": findings.own, **findings.others}, title(findings.measurer.main)
    chosen = list(numbers)
    asked = [findings.measurer.shown(findings.rows[number]) for number in chosen]
    columns: dict[str, list[str | None]] = {"asked": [shortened(text) or None for text, _ in asked]}
    if any(right for _, right in asked):
        columns["right"] = [shortened(right) or None for _, right in asked]
    said = [name for name, one in models.items() if all_asked or all(one.said[number] for number in chosen)]
    columns |= {name: [shortened(models[name].said[number]) or NOTHING for number in chosen] for name in said}
    rated = list(models)[: 1 if said else None]
    rates = [[_main(findings, models[name], np.array([number])) for number in chosen] for name in rated]
    titles = [main, *(f"{main}, {name}" for name in rated[1:])]
    page.table([*columns, *titles], zip(*columns.values(), *rates, strict=True))


def shortened(text: str) -> str:
    """The beginning of a text that is long."""
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
