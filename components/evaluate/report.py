"""The HTML report of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from components.evaluate import beside
from components.evaluate.config import Config
from components.evaluate.evidence import Evidence
from components.evaluate.label_report import label_tiles, quality
from components.shared import charts
from components.shared.report import Page

SMOOTHED_STEPS: Final = 10


def write_report(config: Config, evidence: Evidence) -> None:
    """Writes the page."""
    evaluation = evidence.evaluation
    lineage = evaluation["lineage"]
    page = Page(
        f"Evaluation of {config.model_name}",
        f"dataset {lineage.get('dataset_revision', 'unknown')}, model {evaluation['model']['digest'][:16]}, "
        f"{evaluation['test']['rows']:,} test rows",
    )
    page.tiles(_tiles(evidence))
    notice_of_other_data(page, evaluation)
    beside.sections(page, evaluation, _right_rows)
    _leakage(page, evaluation)
    page.section("Quality")
    matrix = charts.heatmap(evaluation["confusion"], evidence.result.labels, x="predicted", y="true")
    confused = (matrix, "Confusion matrix: test rows, and share of the true label")
    quality(page, evaluation["labels"], evidence.result, [evidence.result], confused)
    training_figures(page, evidence.training)
    page.section("Parts of the test split", "Accuracy by length, script, label and the columns kept for it.")
    page.table(
        ["slice", "value", "rows", "accuracy"],
        [[one["slice"], one["value"], one["rows"], one["accuracy"]] for one in evaluation["slices"]],
    )
    _errors(page, config, evidence)
    page.section("Lineage")
    page.facts(lineage_facts(evaluation))
    page.write(config.report)


def _tiles(evidence: Evidence) -> dict[str, tuple[str, str]]:
    measured, baseline = evidence.evaluation["metrics"], evidence.evaluation["baseline"]
    level = f"{evidence.evaluation['confidence']:.0%} interval"
    tiles = {
        name: (f"{measured[key]:.3f}", f"{measured[f'{key}_low']:.3f} to {measured[f'{key}_high']:.3f}, {level}")
        for name, key in (("Accuracy", "accuracy"), ("Macro-F1", "macro_f1"))
    }
    tiles |= label_tiles(measured)
    tiles["Baseline"] = (f"{baseline['metrics']['accuracy']:.3f}", f"accuracy of always answering {baseline['label']}")
    if base_model := beside.told_of_base_model(evidence.evaluation):
        tiles["Base model"] = (f"{base_model['accuracy']:.3f}", "accuracy before tuning")
    if champion := evidence.evaluation["champion"]:
        tiles["Champion"] = (f"{champion['metrics']['accuracy']:.3f}", f"accuracy of {champion['identity']}")
    return tiles | cost_tiles(evidence.evaluation, evidence.rows_per_second, evidence.latency, "one text")


def cost_tiles(
    evaluation: Mapping[str, Any], rows_per_second: float, latency: float, asked_alone: str
) -> dict[str, tuple[str, str]]:
    """What the model costs on the machine that evaluated it."""
    size = evaluation["model"]["bytes"] / 1e6
    return {
        "Throughput": (f"{rows_per_second:,.{0 if rows_per_second >= 100 else 1}f}/s", "test rows on this machine"),
        "Latency": (f"{latency * 1000:,.{0 if latency >= 0.1 else 1}f} ms", f"{asked_alone}, the median of a few"),
        "Size": (f"{size:,.1f} MB", "of weights"),
    }


def notice_of_other_data(page: Page, evaluation: Mapping[str, Any]) -> None:
    """Tells when the model was not trained on the dataset it is tested on."""
    trained, tested = evaluation["lineage"].get("dataset_digest"), evaluation["test"]["digest"]
    if trained and trained != tested:
        page.notice(
            f"The model was trained on the dataset {trained[:16]} and is tested on {tested[:16]}: the figures hold "
            "only if no test row was trained on.",
            "bad",
        )


def _right_rows(other: Mapping[str, Any], who: str, theirs: int) -> str:
    return (
        f"only this model has {other['only_model_right']:,} right and only the {who} {theirs:,} "
        f"(exact McNemar test: p = {other['mcnemar_p']:.3g})."
    )


def _leakage(page: Page, evaluation: Mapping[str, Any]) -> None:
    found = evaluation["leakage"]
    if found is None:
        return
    page.section("What a leaking split would have claimed")
    page.notice(
        f"The source repeats itself: a random split would put an exact copy of {found['leaking_split_share']:.1%} of "
        f"its test rows into train, and claim an accuracy of about {found['leaking_split_accuracy']:.3f}. "
        f"On texts that were not trained on it is {evaluation['metrics']['accuracy']:.3f}."
    )


def training_figures(page: Page, training: Mapping[str, Any]) -> None:
    """The course of the training: loss, what the validations measured, learning rate."""
    history, validations = training.get("history", []), training.get("validations", [])
    if not history or not validations or "loss" not in history[0]:  # private trainings tell no loss
        return
    steps, losses = [one["step"] for one in history], np.array([one["loss"] for one in history])
    width = min(SMOOTHED_STEPS, len(losses))
    smooth = np.convolve(losses, np.ones(width) / width, mode="valid")
    at = [one["step"] for one in validations]
    measured = next((known for known in validations[0] if known not in ("step", "epoch", "loss")), "loss")
    name = measured.replace("_", " ")
    page.section("Training", f"The model kept is that of step {training['best_step']:,}, the best in validation.")
    page.figures(
        [
            (
                charts.lines(
                    {
                        "_each step": (steps, losses.tolist()),
                        "training": (steps[width - 1 :], smooth.tolist()),
                        "validation": (at, [one["loss"] for one in validations]),
                    },
                    x="step",
                    y="loss",
                ),
                f"Loss; the training curve is the mean of {width} steps",
            ),
            (
                charts.lines({"validation": (at, [one[measured] for one in validations])}, x="step", y=name),
                f"{name.capitalize()} on the validation split",
            ),
            (
                charts.lines(
                    {"learning rate": (steps, [one["learning_rate"] for one in history])}, x="step", y="learning rate"
                ),
                "Learning rate",
            ),
        ]
    )


def _errors(page: Page, config: Config, evidence: Evidence) -> None:
    errors = evidence.worst_errors(config.worst_errors)
    if not errors:
        return
    wrong = int((~evidence.result.right).sum())
    page.section("Errors worth reading", f"The {len(errors)} of {wrong:,} errors that the model was most sure of.")
    others = [f"the {name} said" for name in evidence.others]
    page.table(["true", "predicted", "confidence", *others, "text"], errors)


def lineage_facts(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """What made the model, by name."""
    lineage = evaluation["lineage"]
    facts = {
        "model digest": evaluation["model"]["digest"],
        "dataset revision": lineage.get("dataset_revision"),
        "dataset digest": lineage.get("dataset_digest"),
        "tested on dataset": evaluation["test"]["digest"],
        "base model": lineage.get("base_model"),
        "code commit": lineage.get("code_commit") or None,
        "image": lineage.get("image") or None,
    }
    packages = ", ".join(f"{name} {version}" for name, version in lineage.get("packages", {}).items())
    options = ", ".join(f"{name}={value}" for name, value in lineage.get("options", {}).items())
    return {**facts, "packages": packages or None, "options": options or None}
