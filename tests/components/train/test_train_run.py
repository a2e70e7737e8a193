"""A whole training: what it writes, and that it writes the same again."""

from __future__ import annotations

import json

import pytest
from huggingface_hub import ModelCard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModelForSequenceClassification, pipeline

from components.shared.files import tree_digest
from components.train import core


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def trained(home, configure):
    """One training, shared by the tests of this module."""
    config = configure(
        checkpoints=str(home / "checkpoints"),
        model=home / "model",
        metrics=home / "metrics.json",
        logs=home / "logs",
        keep_checkpoints=1,
    )
    return config, core.run(config)


def test_model_directory_loads_plainly_and_names_its_labels(trained):
    model, report = AutoModelForSequenceClassification.from_pretrained(trained[0].model, output_loading_info=True)
    assert not report["missing_keys"]
    assert model.config.id2label == {0: "negative", 1: "positive"}
    answer = pipeline("text-classification", model=str(trained[0].model), truncation=True)("a fine film " * 100)
    assert answer[0]["label"] in ("negative", "positive")


def test_model_card_has_metadata_lineage_and_metrics(trained):
    config, result = trained
    card = ModelCard.load(config.model / "README.md")
    assert card.data.pipeline_tag == "text-classification"
    assert {found.metric_type for found in card.data.eval_results} == {"loss", "accuracy"}
    assert f"| dataset_revision | {config.revision} |" in card.text
    assert str(result.metadata["model"]["dataset_digest"]) in card.text


def test_lineage_and_metrics_are_those_of_the_result(trained):
    config, result = trained
    lineage = json.loads((config.model / "lineage.json").read_text())
    assert {**lineage, **result.metadata["model"]} == lineage
    assert lineage["options"]["learning_rate"] == 0.01
    assert lineage["packages"].keys() >= {"torch", "transformers", "tokenizers"}
    assert json.loads(config.metrics.read_text()) == result.metadata["metrics"]


def test_the_best_validation_is_the_model(trained):
    config, result = trained
    told = json.loads((config.model / "training.json").read_text())
    best = max(told["validations"], key=lambda point: (point["accuracy"], -point["loss"]))
    assert told["best_step"] == best["step"]
    assert result.metadata["metrics"]["validation_accuracy"] == best["accuracy"]
    assert [point["step"] for point in told["history"]] == list(range(1, 17))


def test_log_has_each_point_once(trained):
    config, _ = trained
    told = json.loads((config.model / "training.json").read_text())
    events = EventAccumulator(str(config.logs)).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == list(range(1, 17))
    assert [event.step for event in events.Scalars("validation/accuracy")] == [4, 8, 12, 16]
    losses = [point["loss"] for point in told["history"]]
    assert [event.value for event in events.Scalars("train/loss")] == pytest.approx(losses)


def test_nothing_unfinished_is_left(trained, home):
    assert sorted(path.name for path in home.iterdir()) == ["checkpoints", "logs", "metrics.json", "model"]
    names = {path.name for path in (home / "checkpoints").rglob("*") if path.is_file()}
    assert names == {"best.safetensors", "complete.json", "journal.json"}


def test_same_inputs_same_bytes(trained, configure):
    again = configure("again", keep_checkpoints=1)
    core.run(again)
    for output in ("model", "metrics", "logs"):
        assert tree_digest(getattr(again, output)) == tree_digest(getattr(trained[0], output)), output


def test_lineage_names_code_and_image(trained, configure, monkeypatch):
    monkeypatch.setenv("EVERTUNE_COMMIT", "abc")
    monkeypatch.setenv("EVERTUNE_IMAGE", "evertune-train@sha256:1")
    config = configure("named")
    result = core.run(config)
    assert result.metadata["model"]["code_commit"] == "abc"
    assert "| image | evertune-train@sha256:1 |" in (config.model / "README.md").read_text()


def test_another_seed_another_model(trained, configure):
    other = configure("other", seed=5)
    core.run(other)
    assert tree_digest(other.logs) != tree_digest(trained[0].logs)


def test_accumulation_changes_rounding_only(configure, without_dropout):
    told = []
    for accumulation in (1, 3):
        config = configure(f"parts{accumulation}", accumulation=accumulation, base_model=without_dropout)
        core.run(config)
        told.append(json.loads((config.model / "training.json").read_text()))
    for column in ("loss", "grad_norm"):
        series = [[point[column] for point in one["history"]] for one in told]
        assert series[0] == pytest.approx(series[1], rel=1e-3)


def test_finished_training_is_not_repeated(trained, caplog):
    config, result = trained
    before = tree_digest(config.model)
    with caplog.at_level("INFO"):
        again = core.run(config)
    assert "going on after step 16" in caplog.text
    assert again == result
    assert tree_digest(config.model) == before
