"""The base model before tuning is measured on the same test rows, once, where its head fits the task."""

from __future__ import annotations

import json
import re
import shutil

import pyarrow.parquet as pq
import pytest
import torch
import transformers

from components.evaluate import core
from components.evaluate.tasks import language
from components.shared.references import pin_local
from tests.components.evaluate.task_models import TEXTS


def run(config):
    core.run(config)
    return json.loads((config.evaluation / "metrics.json").read_text())


def reference_to(directory):
    return str(pin_local(str(directory), "test"))


def no_model(*_, **__):
    raise AssertionError("a model is loaded")


@pytest.fixture
def base_of(made, tmp_path):
    """What the tiny model of a task might have been before: other weights, and a tokenizer that reads longer texts."""

    def make(task):
        base = tmp_path / "base"
        shutil.copytree(made(task)[1], base)
        (base / "lineage.json").unlink()
        model = getattr(transformers, json.loads((base / "config.json").read_text())["architectures"][0])
        worse = model.from_pretrained(base)
        torch.manual_seed(5)
        torch.nn.init.normal_(worse.get_input_embeddings().weight, std=2.0)
        worse.save_pretrained(base)
        tokenizer = transformers.AutoTokenizer.from_pretrained(base)
        tokenizer.model_max_length = 500
        tokenizer.save_pretrained(base)
        return base

    return make


def test_a_classifier_that_knows_the_labels_is_measured_beside_what_was_made_of_it(configure, english_model):
    config = configure(base_model_reference=reference_to(english_model))
    found = run(config)["base_model"]
    assert found["metrics"]["accuracy"] == 0.8
    assert found["difference"]["accuracy"]["value"] == pytest.approx(0.2)
    assert (found["only_model_right"], found["only_base_model_right"]) == (2, 0)
    assert json.loads(config.metrics.read_text())["base_model_accuracy"] == 0.8
    page = config.report.read_text()
    assert "<h2>Beside the base model</h2>" in page
    assert "only this model has 2 right and only the base model 0" in page
    table = pq.read_table(config.evaluation / "predictions.parquet")
    assert table["base_model_predicted"].to_pylist() != table["predicted"].to_pylist()


@pytest.mark.parametrize("task", ["causal_lm", "chat", "masked_lm", "translation", "question_answering"])
def test_a_base_model_is_asked_for_the_same_tokens(task_config, base_of, task):
    config = task_config(task, base_model_reference=reference_to(base_of(task)))
    found = run(config)
    base_model = found["base_model"]
    for name, one in base_model["difference"].items():
        assert one["value"] == pytest.approx(found["metrics"][name] - base_model["metrics"][name])
        assert one["low"] <= one["value"] <= one["high"]
    assert len(pq.read_table(config.evaluation / "predictions.parquet")["base_model_said"]) == len(TEXTS)
    page = config.report.read_text()
    assert "<h2>Beside the base model</h2>" in page
    if task in ("causal_lm", "masked_lm"):  # those whose embedding of the outputs has become poor too
        assert base_model["difference"]["perplexity"]["high"] < 0
        assert "<td>better</td>" in page


def test_where_models_say_nothing_of_an_error_their_metrics_are_shown(task_config, base_of, monkeypatch):
    monkeypatch.setattr(language, "SAMPLES", 1)
    config = task_config("causal_lm", base_model_reference=reference_to(base_of("causal_lm")))
    run(config)
    worst = config.report.read_text().partition("<h2>Errors worth reading</h2>")[2].partition("<h2>")[0]
    assert re.findall("<th[^>]*>([^<]*)</th>", worst) == [
        "asked",
        "right",
        "Bits per byte",
        "Bits per byte, base model",
    ]


def test_a_base_model_like_the_tuned_one_differs_in_nothing(task_config, made):
    config = task_config("masked_lm", base_model_reference=reference_to(made("masked_lm")[1]))
    found = run(config)["base_model"]
    assert {one[end] for one in found["difference"].values() for end in ("value", "low", "high")} == {0.0}


def test_an_evaluation_that_is_repeated_asks_no_model(task_config, base_of, monkeypatch, tmp_path):
    reference = reference_to(base_of("causal_lm"))
    first = task_config("causal_lm", base_model_reference=reference)
    again = task_config("causal_lm", base_model_reference=reference, evaluation=tmp_path / "again")
    run(first)
    monkeypatch.setattr(language, "load", no_model)
    run(again)
    for name in ("metrics.json", "predictions.parquet"):
        assert (first.evaluation / name).read_bytes() == (again.evaluation / name).read_bytes()
    with pytest.raises(AssertionError, match="a model is loaded"):
        run(task_config("causal_lm", base_model_reference=reference, seed=18))


def test_answers_that_are_damaged_in_the_store_are_asked_for_again(task_config, tmp_path, caplog):
    config = task_config("masked_lm")
    found = run(config)
    (kept,) = (tmp_path / "store").rglob("*.npz")
    kept.write_bytes(kept.read_bytes()[:-40])
    assert run(config) == found
    assert "is computed again" in caplog.text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"architectures": ["BertModel"]}, "its head for classification is new: the base model is a BertModel"),
        ({"id2label": {"0": "bad", "1": "good"}}, "its classification head knows other labels"),
        ({"problem_type": "multi_label_classification"}, "its classification head knows other labels"),
    ],
)
def test_a_base_model_with_another_head_is_left_out(configure, english_model, tmp_path, change, reason):
    base = tmp_path / "base"
    shutil.copytree(english_model, base)
    settings = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(settings | change))
    config = configure(base_model_reference=reference_to(base))
    assert run(config)["base_model"]["left_out"] == reason
    assert f"is not measured before tuning: {reason}." in config.report.read_text()


@pytest.mark.parametrize(
    ("reference", "reason"),
    [("new://bert#sha256=ab", "it was made from nothing"), ("/gone#sha256=ab", "no such file or directory: /gone")],
)
def test_without_a_base_model_to_ask_the_rest_is_evaluated(configure, reference, reason):
    found = run(configure(base_model_reference=reference))
    assert reason in found["base_model"]["left_out"]
    assert found["metrics"]["accuracy"] == 1.0


def test_a_base_model_that_changed_since_it_was_pinned_stops_no_evaluation(task_config, base_of):
    base = base_of("masked_lm")
    reference = reference_to(base)
    (base / "model.safetensors").write_bytes(b"other")
    found = run(task_config("masked_lm", base_model_reference=reference))
    assert "is not what it was when it was resolved" in found["base_model"]["left_out"]


def test_the_comparison_can_be_switched_off(configure, english_model):
    config = configure(base_model_reference=reference_to(english_model), compare_base_model=False)
    assert run(config)["base_model"] is None
    assert "base model" not in config.report.read_text().partition("<h2>Lineage</h2>")[0]
