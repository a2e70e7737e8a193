"""Measures a model at any task but plain classification: metrics, baseline and champion on the same test rows."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from components.evaluate import files, resampling
from components.evaluate.base_model import asked, base_model_of
from components.evaluate.config import Config
from components.evaluate.decisions import Decisions
from components.evaluate.metrics import kubeflow_view
from components.evaluate.remembered import Memory
from components.evaluate.slices import task_slices
from components.evaluate.task_report import Findings, write_report
from components.evaluate.tasks import Measured, Measurer, Rows, open_measurer
from components.shared import champions
from components.shared.datasets import Dataset
from components.shared.models import download_model, model_digest
from components.shared.objects import open_store
from components.shared.result import Result


def run_task(config: Config, dataset: Dataset, rows: Rows) -> Result:
    """Evaluates the model and writes metrics, predictions and the report."""
    measurer = open_measurer(dataset, config)
    memory, lineage = Memory(config, rows, measurer.labels), files.read_json(config.model / "lineage.json")
    digest = model_digest(config.model)
    own = memory.ask(digest, lineage, lambda: measurer.measure(config.model, rows, "testing the model"))
    champion, former = _champion(config, measurer, memory, rows, own)
    base_model, untuned = _base_model(config, measurer, memory, rows, own)
    evaluation = _evaluation(config, dataset, measurer, own, rows)
    models = {"": own, "base_model_": untuned, "champion_": former}
    measured = {who: one for who, one in models.items() if one is not None}
    evaluation |= {"champion": champion, "base_model": base_model, "slices": task_slices(measurer, rows, measured)}
    decisions = None if own.probabilities is None else Decisions.of(measurer.labels, rows, own.probabilities)
    if decisions:
        evaluation["metrics"] |= decisions.metrics()
        evaluation["labels"] = decisions.table()
    findings = Findings(
        rows=rows,
        measurer=measurer,
        own=own,
        champion=former,
        base_model=untuned,
        evaluation=evaluation,
        training=files.read_json(config.model / "training.json"),
        decisions=decisions,
    )
    numbers, view = _flat(evaluation), kubeflow_view(decisions.together) if decisions else {}
    files.write_all(config, evaluation, numbers, view, findings.write_predictions)
    write_report(config, findings)
    return Result(summary=_summary(evaluation), metadata={"metrics": numbers, "classification": view, "report": {}})


def _evaluation(config: Config, dataset: Dataset, measurer: Measurer, own: Measured, rows: Rows) -> dict[str, Any]:
    baseline = measurer.baseline(config.model, rows)
    return {
        "task": config.task,
        "main_metric": measurer.main,
        "lower_is_better": list(measurer.lower_is_better),
        "model": {
            "name": config.model_name,
            "digest": model_digest(config.model),
            "bytes": files.weights_size(config.model),
        },
        "test": {"rows": len(rows), "digest": dataset.manifest.digest},
        "confidence": config.confidence,
        "metrics": resampling.with_intervals(measurer, own, config.bootstrap_rounds, config.confidence, config.seed),
        "baseline": {"name": measurer.baseline_name, **_compared(config, measurer, own, baseline, "baseline")},
        "lineage": files.read_json(config.model / "lineage.json"),
    }


def _champion(
    config: Config, measurer: Measurer, memory: Memory, rows: Rows, own: Measured
) -> tuple[dict[str, Any] | None, Measured | None]:
    """The comparison with the champion and what it did itself; nothing when there is none."""
    if not config.champion:
        return None, None
    store = open_store(config.store)
    record = champions.at(store, config.model_name, config.champion)
    same = record.digest == model_digest(config.model)

    def measure() -> Measured:
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch) / "champion"
            download_model(store, record.digest, place)
            return measurer.measure(place, rows, "testing the champion")

    other = own if same else memory.ask(record.digest, record.lineage, measure)
    facts = {
        "identity": config.champion,
        "digest": record.digest,
        "dataset_revision": record.dataset_revision,
        "same_model": same,
    }
    return facts | _compared(config, measurer, own, other, "champion"), other


def _base_model(
    config: Config, measurer: Measurer, memory: Memory, rows: Rows, own: Measured
) -> tuple[dict[str, Any] | None, Measured | None]:
    """The comparison with the base model and what it did itself; nothing where it is not asked for or cannot do it."""
    base = base_model_of(config)
    if base is None:
        return None, None

    def measure() -> Measured:
        with base.opened() as directory:
            return measurer.measure(directory, rows, "testing the base model")

    lineage = files.read_json(config.model / "lineage.json")
    other, reason = asked(base, measurer.labels, lambda: memory.ask(base.digest, lineage, measure))
    if other is None:
        return {"reference": base.name, "left_out": reason}, None
    return {"reference": base.name, **_compared(config, measurer, own, other, "base_model")}, other


def _compared(config: Config, measurer: Measurer, own: Measured, other: Measured, who: str) -> dict[str, Any]:
    return resampling.compare(measurer, own, other, config.bootstrap_rounds, config.confidence, config.seed, who)


def _flat(evaluation: dict[str, Any]) -> dict[str, float]:
    """The main numbers under flat names, as Kubeflow shows them."""
    numbers = dict(evaluation["metrics"])
    numbers |= {f"baseline_{name}": value for name, value in evaluation["baseline"]["metrics"].items()}
    if champion := evaluation["champion"]:
        numbers |= {f"champion_{name}": value for name, value in champion["metrics"].items()}
    if base_model := (evaluation["base_model"] or {}).get("metrics"):
        numbers |= {f"base_model_{name}": value for name, value in base_model.items()}
    return {**numbers, "test_rows": evaluation["test"]["rows"]}


def _summary(evaluation: dict[str, Any]) -> str:
    main, metrics = evaluation["main_metric"], evaluation["metrics"]
    text = (
        f"{main} {metrics[main]:.3f} [{metrics[f'{main}_low']:.3f}, {metrics[f'{main}_high']:.3f}] "
        f"on {evaluation['test']['rows']:,} test rows, baseline {evaluation['baseline']['metrics'][main]:.3f}"
    )
    if champion := evaluation["champion"]:
        text += ", champion " + (
            "the champion itself" if champion["same_model"] else f"{champion['metrics'][main]:.3f}"
        )
    if base_model := (evaluation["base_model"] or {}).get("metrics"):
        text += f", base model {base_model[main]:.3f}"
    return text
