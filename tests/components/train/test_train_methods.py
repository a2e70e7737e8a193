"""Ways to train: what is frozen stays, adapters merge exactly, rates and weights are what the options say."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.train import core
from components.train.config import Config, weights_by_name
from components.train.optimizer import layer_scales, learning_rate
from components.train.order import Plan
from components.train.tasks import open_task
from components.train.tasks.packing import best_fit

TOKENS = {"input_ids": torch.tensor([[2, 9, 11, 30, 3]])}


def told(config):
    return json.loads((config.model / "training.json").read_text())


# peft asks, when it loads an adapter, by a name that transformers gave up
@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.parametrize("adapter", ["lora", "dora"])
def test_adapter_is_kept_and_merged_exactly(configure, inputs, adapter):
    config = configure(adapter=adapter, adapter_rank=4, epochs=1)
    core.run(config)
    merged = AutoModelForSequenceClassification.from_pretrained(config.model).eval()
    base = AutoModelForSequenceClassification.from_pretrained(inputs.base_model)
    adapted = PeftModel.from_pretrained(base, config.model / "adapter").eval()
    with torch.inference_mode():
        assert torch.allclose(merged(**TOKENS).logits, adapted(**TOKENS).logits, atol=1e-5)
        assert not torch.allclose(merged(**TOKENS).logits, base.base_model(**TOKENS)[0][:, 0, :2], atol=1e-5)


def test_names_in_the_files_of_an_adapter_are_in_order(configure):
    """peft keeps them as sets, whose order is another one in each process."""
    config = configure(adapter="lora")
    core.run(config)
    settings = json.loads((config.model / "adapter" / "adapter_config.json").read_text())
    assert len(settings["target_modules"]) > 1
    assert settings["target_modules"] == sorted(settings["target_modules"])


def test_adapter_checkpoints_are_small_and_name_no_place(configure, inputs, tmp_path):
    config = configure(adapter="lora", adapter_rank=2, epochs=1)
    core.run(config)
    (best,) = (tmp_path / "run" / "checkpoints").rglob("best.safetensors")
    assert all("lora" in name or "classifier" in name for name in load_file(best))
    recorded = json.loads((config.model / "adapter" / "adapter_config.json").read_text())
    assert recorded["base_model_name_or_path"] == config.base_model_reference.rpartition("#")[0]


def test_frozen_weights_stay_as_they_are(configure, inputs):
    config = configure(freeze="*.embeddings.*, *.layer.0.*", epochs=1)
    core.run(config)
    before, after = (load_file(path / "model.safetensors") for path in (inputs.base_model, config.model))
    frozen = {name for name in after if ".embeddings." in name or ".layer.0." in name}
    assert frozen
    for name in after:
        assert torch.equal(before[name], after[name]) == (name in frozen), name


@pytest.mark.parametrize(("freeze", "line"), [("*.nothing", "no weight is named like"), ("*", "nothing is left")])
def test_what_cannot_be_frozen_is_refused(configure, freeze, line):
    with pytest.raises(UserError, match=line):
        core.run(configure(freeze=freeze))


def test_gradient_checkpointing_changes_nothing_but_memory(configure):
    plain, saving = configure("plain", epochs=1), configure("saving", epochs=1, gradient_checkpointing=True)
    core.run(plain)
    core.run(saving)
    losses = [[point["loss"] for point in told(config)["history"]] for config in (plain, saving)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_early_stopping_ends_after_so_many_validations_without_a_better_model(configure):
    config = configure(epochs=5, evaluations_per_epoch=4, patience=2, learning_rate=0.0)
    result = core.run(config)
    assert len(told(config)["validations"]) == 3
    assert result.metadata["metrics"]["steps"] == 6
    assert core.run(config).metadata == result.metadata


def test_token_budget_holds_in_every_step(configure, inputs):
    config = configure(batch_tokens=96, epochs=2)
    core.run(config)
    plan = Plan(np.array([5, 9, 30] * 20), 8, 3, 2, seed=1, batch_tokens=96)
    seen = [plan.rows(step) for step in range(1, plan.total_steps + 1)]
    lengths = np.array([5, 9, 30] * 20)
    assert all(len(rows) * lengths[rows].max() <= 96 for rows in seen)
    for epoch in range(3):
        rows = [plan.rows(s) for s in range(1, plan.total_steps + 1) if plan.epoch(s) == epoch]
        assert sorted(np.concatenate(rows)) == list(range(60))
    ends = [step for step in range(1, plan.total_steps + 1) if plan.epochs_done(step) == int(plan.epochs_done(step))]
    assert len(ends) == 3
    assert all(plan.validates(step) for step in ends)


def test_token_budget_wastes_little():
    lengths = np.random.default_rng(0).integers(5, 200, 4000)
    plan = Plan(lengths, 8, 1, 1, seed=1, batch_tokens=2048)
    computed = sum(len(rows) * lengths[rows].max() for rows in (plan.rows(s + 1) for s in range(plan.total_steps)))
    assert lengths.sum() / computed > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_packs_hold_each_sequence_once_and_are_nearly_full(seed):
    lengths = np.random.default_rng(seed).integers(3, 128, 500).tolist()
    packs = best_fit(lengths, 128)
    assert sorted(number for pack in packs for number in pack) == list(range(500))
    assert max(sum(lengths[number] for number in pack) for pack in packs) <= 128
    assert sum(lengths) / (len(packs) * 128) > 0.93


def test_rates_fall_layer_by_layer():
    names = ["bert.embeddings.word_embeddings.weight", "bert.layer.0.a", "bert.layer.1.a", "classifier.weight"]
    assert layer_scales(names, 0.5) == dict(zip(names, (0.125, 0.25, 0.5, 1.0), strict=True))
    assert set(layer_scales(names, 1.0).values()) == {1.0}


def test_wsd_keeps_the_rate_then_lets_it_fall(configure):
    config = configure(schedule="wsd", warmup_fraction=0.1, decay_fraction=0.2, learning_rate=1.0)
    rates = [learning_rate(step, 100, config) for step in range(1, 101)]
    assert rates[9:80] == [1.0] * 71
    assert rates[80:] == pytest.approx([1 - number / 20 for number in range(20)])


def test_balanced_weights_make_classes_count_alike(configure, dataset_of):
    rows = [("a fine film", "good")] * 6 + [("a dull film", "bad")] * 2
    config = configure(data=dataset_of(train=rows, validation=rows[5:]), class_weights="balanced")
    task = open_task(Dataset(config.data), config)
    assert task._weights.tolist() == pytest.approx([2.0, 8 / 12])
    assert task.units("train", np.arange(8), 0) == pytest.approx(8.0)
    batch = {"input_ids": None, "attention_mask": None, "labels": torch.tensor([0, 1])}
    loss = task.loss(lambda **_: SimpleNamespace(logits=torch.zeros(2, 2)), batch)
    assert loss.item() == pytest.approx((2.0 + 8 / 12) * np.log(2))
    named = open_task(Dataset(config.data), replace(config, class_weights="bad=3"))
    assert named._weights.tolist() == [3.0, 1.0]


@pytest.mark.parametrize("text", ["bad", "bad=x", "bad=0", "=2"])
def test_weights_that_are_none_are_refused(text):
    with pytest.raises(UserError, match="is not a label=weight pair"):
        weights_by_name(text)


def test_weight_of_an_unknown_label_is_refused(configure):
    with pytest.raises(UserError, match="no row has the label 'mixed'"):
        core.run(configure(class_weights="mixed=2"))


def test_options_that_exclude_each_other_are_refused(configure):
    with pytest.raises(UserError, match="an adapter has no layer_decay"):
        configure(adapter="lora", layer_decay=0.5)
    assert isinstance(configure(adapter="lora"), Config)
