"""Evaluation of every task: the numbers are those of the reference computations, baseline and champion beside them."""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import transformers
from transformers.tokenization_utils_base import VERY_LARGE_INTEGER

from components.evaluate.core import run
from components.evaluate.metric_names import title
from components.evaluate.models import LONGEST, longest_of
from components.evaluate.tasks import SAMPLES, open_measurer
from components.evaluate.tasks.question_answering import best_span, scores
from components.promote import decision
from components.promote.config import Config as PromoteConfig
from components.promote.evaluation import parse
from components.shared import champions
from components.shared.datasets import Dataset
from components.shared.models import upload_model
from components.shared.objects import open_store
from tests.components.evaluate.task_models import TEXTS, model_of
from tests.task_data import KINDS


def measured(config):
    dataset = Dataset(config.data)
    rows = list(dataset.rows("test"))
    measurer = open_measurer(dataset, config)
    one = measurer.measure(config.model, rows, "test")
    return measurer, one, {name: value[0] for name, value in measurer.metrics(one.statistics.sum(0)[None]).items()}


@pytest.mark.parametrize("task", sorted(set(KINDS) - {"classification"}))
def test_task_is_evaluated_and_compared_with_its_baseline(task_config, task):
    config = task_config(task)
    run(config)
    found = json.loads((config.evaluation / "metrics.json").read_text())
    main = found["main_metric"]
    assert found["metrics"][f"{main}_low"] <= found["metrics"][main] <= found["metrics"][f"{main}_high"]
    assert found["baseline"]["metrics"].keys() <= found["metrics"].keys()
    assert pq.read_table(config.evaluation / "predictions.parquet").num_rows == len(TEXTS)
    page = config.report.read_text()
    assert f"<td>{title(main)}</td>" in page
    assert "<h2>Beside the baseline</h2>" in page
    for name, one in found["baseline"]["difference"].items():
        assert one["value"] == pytest.approx(found["metrics"][name] - found["baseline"]["metrics"][name])
        assert one["low"] <= one["high"]
    assert decision.decide(parse(found), promote_config()).reason.startswith(f"the first model, {main} ")
    said = pq.read_table(config.evaluation / "predictions.parquet")["said"].to_pylist()
    if task in ("causal_lm", "chat"):
        assert any(said[:SAMPLES])
        assert not any(said[SAMPLES:])
    if task == "masked_lm":
        assert all(" → " in told for told in said)
    assert "<h2>Samples</h2>" in page
    assert {one["slice"] for one in found["slices"]} == {"length"}
    assert all(one.keys() == {"slice", "value", "rows", main} for one in found["slices"])
    assert sum(one["rows"] for one in found["slices"]) == len(TEXTS)


def test_texts_are_read_as_far_as_the_model_was_trained_to(made):
    tokenizer = transformers.AutoTokenizer.from_pretrained(made("causal_lm")[1])
    tokenizer.model_max_length = 2048
    assert longest_of(tokenizer) == 2048
    tokenizer.model_max_length = VERY_LARGE_INTEGER
    assert longest_of(tokenizer) == LONGEST


def promote_config(**changes):
    places = dict.fromkeys(("model", "evaluation", "decision", "summary"))
    return PromoteConfig(**places, model_name="m", store="s", **changes)


def test_perplexity_is_that_of_a_plain_loop(task_config):
    config = task_config("causal_lm", batch_size=4)
    _, _, found = measured(config)
    model = transformers.AutoModelForCausalLM.from_pretrained(config.model).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(config.model)
    nats, tokens = 0.0, 0
    for text in TEXTS:
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            nats += model(input_ids=ids, labels=ids).loss.item() * (ids.shape[1] - 1)
        tokens += ids.shape[1] - 1
    assert found["perplexity"] == pytest.approx(math.exp(nats / tokens), rel=1e-5)
    size = sum(len(text.encode()) for text in TEXTS)
    assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) / size, rel=1e-5)


def test_bleu_and_chrf_are_those_of_sacrebleu(task_config):
    import sacrebleu

    config = task_config("translation")
    dataset = Dataset(config.data)
    measurer, rows = open_measurer(dataset, config), list(dataset.rows("test"))
    said = [row["target"] + " and more" for row in rows]
    found = measurer.metrics(measurer.statistics(said, rows).sum(0)[None])
    targets = [[row["target"] for row in rows]]
    assert found["bleu"][0] == pytest.approx(sacrebleu.corpus_bleu(said, targets).score)
    assert found["chrf"][0] == pytest.approx(sacrebleu.corpus_chrf(said, targets).score)


def test_rouge_is_that_of_rouge_score(task_config):
    from rouge_score.rouge_scorer import RougeScorer

    config = task_config("summarization")
    dataset = Dataset(config.data)
    measurer, rows = open_measurer(dataset, config), list(dataset.rows("test"))
    said = [row["source"] for row in rows]
    found = measurer.metrics(measurer.statistics(said, rows).sum(0)[None])
    scorer = RougeScorer(["rougeL"])
    wanted = [scorer.score(row["target"], row["source"])["rougeL"].fmeasure for row in rows]
    assert found["rougeL"][0] == pytest.approx(np.mean(wanted))


@pytest.mark.parametrize(
    ("said", "answers", "expected"),
    [
        ("The Film!", ["film"], (1.0, 1.0)),
        ("a good film", ["good story", "film"], (0.0, 2 / 3)),
        ("", [], (1.0, 1.0)),
        ("film", [], (0.0, 0.0)),
        ("好电影", ["电影。"], (0.0, 0.8)),
    ],
)
def test_answers_are_scored_by_the_rules_of_squad(said, answers, expected):
    assert scores(said, answers) == pytest.approx(expected)


def test_best_span_begins_before_it_ends_and_lies_in_the_context():
    inside = np.array([False, False, True, True, True])
    starts, ends = np.array([0.0, 9, 1, 5, 2]), np.array([0.0, 9, 6, 3, 1])
    assert best_span(starts, ends, inside) == (8.0, 3, 3)
    assert best_span(starts - 9 * (np.arange(5) > 0), ends - 9 * (np.arange(5) > 0), inside)[1:] == (0, 0)


def test_a_better_champion_keeps_its_place(task_config, tmp_path):
    """The metric of language models is better when it is smaller."""
    good, poor = model_of("causal_lm", tmp_path / "good"), model_of("causal_lm", tmp_path / "poor")
    model = transformers.AutoModelForCausalLM.from_pretrained(poor)
    torch.nn.init.normal_(model.transformer.wte.weight, std=2.0)
    model.save_pretrained(poor)
    store = open_store(str(tmp_path / "store"))
    facts = {"dataset": "d", "dataset_revision": "d/v1", "dataset_digest": "ab", "lineage": {}}
    for challenger, champion, promoted in ((poor, good, False), (good, poor, True)):
        name = f"line-{promoted}"
        record = champions.Champion(
            model_name=name,
            digest=upload_model(store, champion),
            kind="promotion",
            reason="test",
            metrics={},
            time="2026-01-01T00:00:00+00:00",
            **facts,
        )
        identity = champions.append(store, name, record, None).identity
        config = task_config("causal_lm", model=challenger, model_name=name, champion=identity)
        run(config)
        found = parse(json.loads((config.evaluation / "metrics.json").read_text()))
        decided = decision.decide(found, promote_config())
        assert decided.promoted is promoted
        assert ("is not worse than" if promoted else "is worse than") in decided.reason
