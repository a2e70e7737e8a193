"""Measures a model on the test split, beside the majority baseline and the champion."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.evaluate import leakage
from components.evaluate.base_model import asked, base_model_of
from components.evaluate.comparison import COMPARED, compare
from components.evaluate.config import Config
from components.evaluate.evidence import Evidence
from components.evaluate.files import read_json, weights_size, write_all
from components.evaluate.metrics import (
    Bootstrap,
    Outcome,
    confusion,
    interval,
    kubeflow_view,
    outcome,
    per_label,
    scores,
)
from components.evaluate.prediction_cache import CachedClassifier
from components.evaluate.predictions import Classifier
from components.evaluate.report import write_report
from components.evaluate.slices import slices
from components.shared import champions
from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.models import download_model, model_digest
from components.shared.objects import ObjectStore, open_store
from components.shared.records import columns_of
from components.shared.result import Result


def run(config: Config) -> Result:
    """Evaluates the model and writes metrics, predictions and the report."""
    columns_of(config.task)
    dataset = Dataset(config.data)
    rows = list(dataset.rows("test"))
    if not rows:
        raise UserError("the test split has no rows", where=str(config.data), remedy="give `split` more data")
    if config.task != "classification":
        from components.evaluate.task_run import run_task

        return run_task(config, dataset, rows)
    return _run_classification(config, dataset, rows)


def _run_classification(config: Config, dataset: Dataset, rows: list[dict[str, Any]]) -> Result:
    labels = sorted(set(dataset.table("train")["label"].to_pylist()) | {row["label"] for row in rows})
    store = open_store(config.store)
    model = CachedClassifier(
        model_digest(config.model), lambda: _opened(config, config.model), store, config.batch_size
    )
    result, seconds, alone = _outcome(model, rows, labels, "testing the model")
    champion, former = _champion(config, store, rows, result)
    base_model, untuned = _base_model(config, store, rows, result)
    evaluation = _evaluation(config, dataset, result, champion) | {"base_model": base_model}
    evidence = Evidence(
        rows=rows,
        result=result,
        champion=former,
        base_model=untuned,
        evaluation=evaluation | _leakage(config, dataset, result, model),
        training=read_json(config.model / "training.json"),
        rows_per_second=len(rows) / seconds,
        latency=alone,
    )
    numbers = flat_metrics(evidence.evaluation)
    view = kubeflow_view(result)
    write_all(config, evidence.evaluation, numbers, view, evidence.write_predictions)
    write_report(config, evidence)
    shown = {"metrics": numbers, "classification": view, "report": {}}
    return Result(summary=_summary(evidence.evaluation), metadata=shown)


def flat_metrics(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """The main numbers under flat names, as Kubeflow shows them."""
    numbers = dict(evaluation["metrics"])
    numbers |= {f"baseline_{name}": value for name, value in evaluation["baseline"]["metrics"].items()}
    if champion := evaluation["champion"]:
        numbers |= {f"champion_{name}": champion["metrics"][name] for name in COMPARED}
    if base_model := (evaluation["base_model"] or {}).get("metrics"):
        numbers |= {f"base_model_{name}": base_model[name] for name in COMPARED}
    numbers |= evaluation["leakage"] or {}
    return {**numbers, "test_rows": evaluation["test"]["rows"]}


def _outcome(
    model: CachedClassifier, rows: list[dict[str, Any]], labels: Sequence[str], what: str
) -> tuple[Outcome, float, float]:
    """What the model said of the rows, how many seconds that took when it was computed, and how many one text takes."""
    said = model.predict([row["text"] for row in rows], what)
    result = outcome(labels, [row["label"] for row in rows], said.probabilities, said.labels)
    return result, said.seconds, said.latency


def _evaluation(config: Config, dataset: Dataset, result: Outcome, champion: dict[str, Any] | None) -> dict[str, Any]:
    measured = scores(result)
    resampled = Bootstrap(result.truth, [result.predicted], config.bootstrap_rounds, config.seed)
    for metric in COMPARED:
        low, high = interval(resampled.samples(metric), config.confidence)
        measured |= {f"{metric}_low": low, f"{metric}_high": high}
    return {
        "task": config.task,
        "main_metric": "accuracy",
        "lower_is_better": [],
        "model": {"name": config.model_name, "digest": model_digest(config.model), "bytes": weights_size(config.model)},
        "test": {"rows": len(result.truth), "digest": dataset.manifest.digest},
        "confidence": config.confidence,
        "metrics": measured,
        "baseline": _baseline(config, dataset, result),
        "champion": champion,
        "labels": per_label(result),
        "confusion": confusion(result).tolist(),
        "slices": slices(result, list(dataset.rows("test"))),
        "lineage": read_json(config.model / "lineage.json"),
    }


def _baseline(config: Config, dataset: Dataset, result: Outcome) -> dict[str, Any]:
    """The comparison with always answering the most frequent label: of the validation set, which is never balanced."""
    ((majority, rows),) = Counter(dataset.table("validation")["label"].to_pylist()).most_common(1)
    index = result.labels.index(majority)
    constant = Outcome(
        labels=result.labels,
        truth=result.truth,
        predicted=np.full_like(result.truth, index),
        probabilities=np.eye(len(result.labels))[np.full_like(result.truth, index)],
    )
    compared = _compared(config, result, constant, "baseline")
    measured = {name: compared["metrics"][name] for name in COMPARED}
    named = {"name": f"always answering {majority}", "label": majority, "validation_rows": rows}
    return named | compared | {"metrics": measured}


def _champion(
    config: Config, store: ObjectStore, rows: list[dict[str, Any]], result: Outcome
) -> tuple[dict[str, Any] | None, Outcome | None]:
    """The comparison with the champion and its own outcome; nothing when there is none."""
    if not config.champion:
        return None, None
    record = champions.at(store, config.model_name, config.champion)
    facts = {
        "identity": config.champion,
        "digest": record.digest,
        "dataset_revision": record.dataset_revision,
        "same_model": record.digest == model_digest(config.model),
    }
    if facts["same_model"]:
        other = result
    else:
        former = CachedClassifier(
            record.digest, lambda: _downloaded(config, store, record.digest), store, config.batch_size
        )
        other, *_ = _outcome(former, rows, result.labels, "testing the champion")
        if other.labels != result.labels:
            raise UserError(
                f"the champion knows labels that neither model nor data have: {set(other.labels) - set(result.labels)}",
                where="champion",
                remedy="start a new model_name for the new labels",
            )
    return facts | _compared(config, result, other, "champion"), other


def _base_model(
    config: Config, store: ObjectStore, rows: list[dict[str, Any]], result: Outcome
) -> tuple[dict[str, Any] | None, Outcome | None]:
    """The comparison with the base model and its own outcome; nothing where it is not asked for or knows no labels."""
    base = base_model_of(config)
    if base is None:
        return None, None

    def load() -> Classifier:
        with base.opened() as directory:
            return _opened(config, directory)

    untuned = CachedClassifier(base.digest, load, store, config.batch_size)
    answer, reason = asked(
        base, result.labels, lambda: _outcome(untuned, rows, result.labels, "testing the base model")
    )
    if answer is None:
        return {"reference": base.name, "left_out": reason}, None
    other, *_ = answer
    return {"reference": base.name, **_compared(config, result, other, "base_model")}, other


def _compared(config: Config, own: Outcome, other: Outcome, who: str) -> dict[str, Any]:
    return compare(own, other, config.bootstrap_rounds, config.confidence, config.seed, who)


def _opened(config: Config, directory: Path) -> Classifier:
    return Classifier(directory, allow_remote_code=config.allow_remote_code)


def _downloaded(config: Config, store: ObjectStore, digest: str) -> Classifier:
    with tempfile.TemporaryDirectory() as scratch:
        download_model(store, digest, Path(scratch, "champion"))
        return _opened(config, Path(scratch, "champion"))


def _leakage(config: Config, dataset: Dataset, result: Outcome, model: CachedClassifier) -> dict[str, Any]:
    """What a leaking split would have claimed; None where the source has no copies."""
    statistics = read_json(config.card / "statistics.json")
    copies = statistics.get("copies")
    share = leakage.leaked_share(copies, leakage.fraction_for_test(statistics)) if copies else 0.0
    if not share:
        return {"leakage": None}
    table = dataset.table("train")
    seen = table.take(leakage.sample_rows(table.num_rows, config.seed)).to_pylist()
    trained_on, *_ = _outcome(model, seen, result.labels, "testing on seen texts")
    return {"leakage": leakage.claim(share, float(trained_on.right.mean()), float(result.right.mean()))}


def _summary(evaluation: Mapping[str, Any]) -> str:
    measured, baseline = evaluation["metrics"], evaluation["baseline"]["metrics"]
    text = (
        f"accuracy {measured['accuracy']:.3f} [{measured['accuracy_low']:.3f}, {measured['accuracy_high']:.3f}] "
        f"on {evaluation['test']['rows']:,} test rows, baseline {baseline['accuracy']:.3f}"
    )
    if champion := evaluation["champion"]:
        name = "the champion itself" if champion["same_model"] else f"{champion['metrics']['accuracy']:.3f}"
        text += f", champion {name}"
    if base_model := (evaluation["base_model"] or {}).get("metrics"):
        text += f", base model {base_model['accuracy']:.3f}"
    return text
