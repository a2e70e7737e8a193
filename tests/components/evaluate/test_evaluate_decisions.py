"""Several labels for a text: each is judged by itself, in the terms of a plain classification."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from components.evaluate.core import run
from components.evaluate.decisions import Decisions
from components.evaluate.remembered import from_bytes, to_bytes
from components.evaluate.tasks import Measured

ROWS = [{"labels": ["a", "b"]}, {"labels": ["a"]}, {"labels": []}, {"labels": ["a"]}]
PROBABILITIES = np.array([[0.9, 0.4, 0.2], [0.8, 0.7, 0.2], [0.6, 0.1, 0.2], [0.3, 0.2, 0.2]])


@pytest.fixture
def decisions():
    return Decisions.of(["a", "b", "c"], ROWS, PROBABILITIES)


def test_each_label_is_judged_by_itself(decisions):
    of_a, of_b, of_c = decisions.table()
    assert of_a == pytest.approx({"label": "a", "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "rows": 3})
    assert of_b == {"label": "b", "precision": 0.0, "recall": 0.0, "f1": 0.0, "rows": 1}
    assert of_c == {"label": "c", "precision": 0.0, "recall": 0.0, "f1": 0.0, "rows": 0}


def test_metrics_are_those_computed_by_hand(decisions):
    found = decisions.metrics()
    # Of `a` 2 of 3 pairs are in order, of `b` 2 of 3, and no pair is to be had of `c`.
    assert found["roc_auc"] == pytest.approx(2 / 3)
    bins = {  # confidence to whether the decision was right, in fifteenths
        13: [(0.9, 1), (0.9, 1)],
        12: [(0.8, 1)] * 6,
        10: [(0.7, 0), (0.7, 0)],
        9: [(0.6, 0), (0.6, 0)],
    }
    gaps = [abs(sum(one for one, _ in each) - sum(right for _, right in each)) for each in bins.values()]
    assert found["calibration_error"] == pytest.approx(sum(gaps) / 12)


def test_a_curve_is_left_out_where_there_is_none():
    assert set(Decisions.of(["c"], ROWS, PROBABILITIES[:, 2:]).metrics()) == {"calibration_error"}


def test_evaluation_and_report_tell_of_each_label(task_config):
    config = task_config("multilabel_classification")
    shown = run(config).metadata
    found = json.loads((config.evaluation / "metrics.json").read_text())
    assert [one["label"] for one in found["labels"]] == ["bad", "good", "short"]
    assert {"calibration_error", "roc_auc"} <= found["metrics"].keys()
    page = config.report.read_text()
    assert "ROC curves, each label against the rest" in page
    assert "Calibration: " in page
    assert "Micro-F1 of a trivial answer" in page
    said = pq.read_table(config.evaluation / "predictions.parquet")["said"].to_pylist()
    assert page.count("<td>(nothing)</td>") >= said.count("") > 0, "a text without labels is answered too"
    assert {type(one["rows"]) for one in found["labels"]} == {int}
    assert sum("too long for what it tells" in line for line in page.split("<tr>")) == 2, "a sample, and best or worst"
    assert json.loads(config.classification.read_text()) == shown["classification"]
    decided = sum(sum(line["row"]) for line in shown["classification"]["confusionMatrix"]["rows"])
    assert decided == found["test"]["rows"] * len(found["labels"])


@pytest.mark.parametrize("probabilities", [None, PROBABILITIES])
def test_probabilities_are_remembered(probabilities):
    ones = np.ones(4)
    kept = Measured(statistics=ones[:, None], goodness=ones, said=[""] * 4, probabilities=probabilities)
    again = from_bytes(to_bytes(kept), 4).probabilities
    assert again is None if probabilities is None else again.tobytes() == probabilities.tobytes()
