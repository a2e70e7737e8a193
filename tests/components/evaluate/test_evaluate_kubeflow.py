"""What Kubeflow shows of an evaluation: the ExecutorOutput holds what makes each thing appear."""

import json

import numpy as np
import pytest
from kfp import dsl

from components.evaluate.core import run
from components.evaluate.metrics import ROC_POINTS, kubeflow_view, outcome
from components.shared.entry import executor_output

KINDS = {
    "evaluation": "system.Artifact",
    "metrics": "system.Metrics",
    "classification": "system.ClassificationMetrics",
    "report": "system.HTML",
}


def test_metrics_matrix_curve_and_report_appear(configure):
    config = configure()
    result = run(config)
    asked = {
        name: {
            "artifacts": [{"name": name, "uri": f"s3://b/{name}", "type": {"schemaTitle": kind}, "metadata": {"a": 1}}]
        }
        for name, kind in KINDS.items()
    }
    told = executor_output({"outputs": {"artifacts": asked}}, result)["artifacts"]
    shown = {name: one["artifacts"][0]["metadata"] for name, one in told.items()}
    json.dumps(told, allow_nan=False)
    assert set(told) == set(KINDS)
    assert shown["metrics"]["accuracy"] == json.loads(config.metrics.read_bytes())["accuracy"]
    assert all(isinstance(value, int | float) for value in shown["metrics"].values()), "Kubeflow shows numbers"
    matrix = shown["classification"]["confusionMatrix"]
    assert [one["displayName"] for one in matrix["annotationSpecs"]] == ["negative", "positive"]
    assert sum(sum(row["row"]) for row in matrix["rows"]) == shown["metrics"]["test_rows"]
    assert json.loads(config.classification.read_bytes()) == {
        key: value for key, value in shown["classification"].items() if key != "a"
    }
    assert told["report"]["artifacts"][0]["uri"] == "s3://b/report"
    assert config.report.read_text().startswith("<!doctype html>")


def test_the_view_is_what_kfp_itself_would_write():
    truth = ["a", "b", "b", "a"]
    result = outcome(["a", "b"], truth, np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]), ["a", "b"])
    ours = kubeflow_view(result)
    theirs = dsl.ClassificationMetrics()
    theirs.log_confusion_matrix(["a", "b"], [[2, 0], [1, 1]])
    points = ours["confidenceMetrics"]
    keys = ("falsePositiveRate", "recall", "confidenceThreshold")
    theirs.log_roc_curve(*([point[key] for point in points] for key in keys))
    assert ours == theirs.metadata
    assert (points[0]["recall"], points[-1]["recall"]) == (0.0, 1.0)
    assert all(0 <= point["confidenceThreshold"] <= 1 for point in points)


@pytest.mark.parametrize("labels", [2, 5])
def test_a_curve_has_few_points_and_both_ends(labels):
    generator = np.random.default_rng(1)
    names = [f"l{index}" for index in range(labels)]
    scores = generator.dirichlet(np.ones(labels), 5000)
    truth = [names[index] for index in generator.integers(0, labels, 5000)]
    points = kubeflow_view(outcome(names, truth, scores, names))["confidenceMetrics"]
    assert len(points) == ROC_POINTS
    assert (points[0]["falsePositiveRate"], points[-1]["falsePositiveRate"]) == (0.0, 1.0)


def test_no_curve_where_one_label_has_all_rows():
    result = outcome(["a", "b"], ["a", "a"], np.array([[0.9, 0.1], [0.8, 0.2]]), ["a", "b"])
    assert set(kubeflow_view(result)) == {"confusionMatrix"}
