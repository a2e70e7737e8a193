"""Differential privacy: what one sequence can change is bounded, noise covers it, and what that costs is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from opacus.accountants import RDPAccountant

from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.files import sha256_of
from components.train import core, privacy
from components.train.base_model import load_tokenizer
from components.train.privacy import PrivateGradients, sample_rate, spent
from components.train.tasks import open_task
from tests.components.train.stopping import stop_at
from tests.tiny_models import tiny_model_of

DP = {"dp_noise": 1.0, "dp_delta": 1e-3, "epochs": 1}
NORM = 0.01


def opened(config):
    """Task and model of a configuration, in training."""
    directory = Path(config.base_model_reference.partition("#")[0])
    task = open_task(Dataset(config.data), config)
    torch.manual_seed(0)
    model = task.load_model(directory, "it").train()
    task.tokenize(load_tokenizer(directory, "it", decoder=task.decoder), config.max_tokens)
    return task, model


def gradients_of(config, task, model):
    """The private gradients, and the summed loss of some rows."""
    gradients = PrivateGradients(config, model, len(task.lengths["train"]), 10)
    return gradients, lambda rows: task.loss(model, task.batch("train", rows, 0))


def flat(gradients):
    return torch.cat([one.flatten() for one in gradients.values()])


@pytest.fixture(params=["classification", "causal_lm"])
def config(request, configure, without_dropout, tmp_path, write_rows_of, reviews_of):
    """A BERT that classifies, or a GPT-2 that writes, with its weights tied."""
    if request.param == "classification":
        return configure(base_model=without_dropout, max_grad_norm=NORM, **DP)
    texts = [text for text, _ in reviews_of(24)]
    dropouts = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    base_model = tiny_model_of("gpt2", tmp_path / "gpt2", texts, **dropouts)
    rows = [{"text": text} for text in texts]
    data = write_rows_of(tmp_path / "texts", "causal_lm", {"train": rows[:20], "validation": rows[20:]})
    options = {"data": data, "base_model": base_model, "packing": False, "max_grad_norm": NORM, **DP}
    return configure(task="causal_lm", **options)


def test_the_gradient_of_each_sequence_is_the_one_it_has_alone(config):
    """Of tied weights and tables of positions, too: those are what goes wrong without a word."""
    task, model = opened(config)
    gradients, loss = gradients_of(config, task, model)
    rows = np.arange(6)
    together = gradients.clipped_sum(rows, loss)
    gradients.detach()
    expected = 0
    for row in rows:
        model.zero_grad()
        loss(np.array([row])).backward()
        alone = flat({name: one.grad for name, one in model.named_parameters()})
        expected = expected + alone * min(1.0, NORM / float(alone.norm()))
    assert torch.allclose(flat(together), expected, atol=NORM * 1e-3)


def test_no_sequence_changes_a_step_by_more_than_the_norm(config):
    task, model = opened(config)
    gradients, loss = gradients_of(config, task, model)
    rows, one_more = np.arange(5), np.arange(6)

    def shouting(rows):
        return loss(rows) * 1000.0

    change = flat(gradients.clipped_sum(one_more, shouting)) - flat(gradients.clipped_sum(rows, shouting))
    assert float(change.norm()) <= NORM * 1.001
    gradients.detach()
    model.zero_grad()
    shouting(one_more[5:]).backward()
    unbounded = flat({name: one.grad for name, one in model.named_parameters()})
    assert float(unbounded.norm()) > 100 * NORM


def test_parts_of_a_step_change_nothing(configure, without_dropout):
    whole = configure(base_model=without_dropout, **DP)
    parts = configure(base_model=without_dropout, accumulation=4, **DP)
    found = []
    for config in (whole, parts):
        task, model = opened(config)
        gradients, loss = gradients_of(config, task, model)
        found.append(flat(gradients.clipped_sum(np.arange(8), loss)))
    assert torch.allclose(*found, atol=1e-5)


def test_rows_and_noise_come_from_the_secret(configure, without_dropout):
    config = configure(base_model=without_dropout, **DP)
    task, model = opened(config)
    gradients, _ = gradients_of(config, task, model)
    secrets, steps = ("ab" * 32, "cd" * 32), range(1, 2001)
    drawn = [gradients.rows(step, secrets[0]) for step in steps]
    assert np.array_equal(drawn[6], gradients.rows(7, secrets[0]))
    assert any(not np.array_equal(gradients.rows(step, secrets[1]), drawn[step - 1]) for step in range(1, 9))
    # Binomial: the mean over 2,000 steps is within 6 standard errors.
    rate, rows = sample_rate(config, 58), 58
    sizes = np.array([len(one) for one in drawn])
    assert abs(sizes.mean() - rate * rows) < 6 * np.sqrt(rows * rate * (1 - rate) / len(sizes))


def test_noise_has_the_size_that_was_asked_for(configure, without_dropout, monkeypatch):
    config = configure(base_model=without_dropout, max_grad_norm=0.5, **{**DP, "dp_noise": 3.0})
    task, model = opened(config)
    gradients, loss = gradients_of(config, task, model)
    monkeypatch.setattr(gradients, "rows", lambda step, secret: np.arange(0))
    gradients.put(1, "ab" * 32, loss)
    noise = flat({name: one.grad for name, one in model.named_parameters()})
    assert float(noise.std()) == pytest.approx(3.0 * 0.5 / config.batch_size, rel=0.05)


def test_epsilon_is_that_of_opacus_for_the_steps_made(configure):
    config = configure(**DP)
    core.run(config)
    metrics, accountant = json.loads(config.metrics.read_text()), RDPAccountant()
    for _ in range(int(metrics["steps"])):
        accountant.step(noise_multiplier=1.0, sample_rate=8 / 58)
    assert metrics["dp_epsilon"] == pytest.approx(accountant.get_epsilon(1e-3))
    assert metrics["dp_delta"] == 1e-3
    assert "train_loss" not in metrics
    card = (config.model / "README.md").read_text()
    assert f"epsilon {metrics['dp_epsilon']:.3g} at delta 0.001" in card
    assert all("loss" not in point for point in json.loads((config.model / "training.json").read_text())["history"])


@pytest.mark.filterwarnings("ignore:Optimal order is the largest alpha")
def test_noise_is_found_for_an_epsilon(configure):
    config = configure(dp_epsilon=4.0, dp_delta=1e-3)
    found = spent(config, 58, 16, 16)
    assert 3.5 < found["dp_epsilon"] <= 4.0
    assert spent(replace(config, dp_epsilon=0.0, dp_noise=found["dp_noise_multiplier"]), 58, 16, 16) == found


def test_it_goes_on_exactly_from_the_secret_of_the_checkpoint(configure, monkeypatch):
    monkeypatch.setattr("components.train.loop.new_secret", lambda: "ab" * 32)
    plain, stopped = configure("plain", **DP), configure("stopped", checkpoint_steps=3, **DP)
    core.run(plain)
    stop_at(monkeypatch, stopped, 3)
    kept = [json.loads(path.read_text())["secret"] for path in Path(stopped.checkpoints).rglob("journal.json")]
    assert kept == ["ab" * 32]
    monkeypatch.setattr("components.train.loop.new_secret", lambda: "cd" * 32)
    core.run(stopped)
    name = "model.safetensors"
    assert sha256_of(plain.model / name) == sha256_of(stopped.model / name)


def test_the_secret_is_nowhere_when_the_training_is_finished(configure, tmp_path, monkeypatch):
    monkeypatch.setattr("components.train.loop.new_secret", lambda: "ab" * 32)
    core.run(configure(checkpoint_steps=3, **DP))
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if ("ab" * 32).encode() in path.read_bytes()]


def test_two_trainings_differ(configure):
    first, second = configure("first", **DP), configure("second", **DP)
    core.run(first)
    core.run(second)
    assert sha256_of(first.model / "model.safetensors") != sha256_of(second.model / "model.safetensors")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"dp_epsilon": 3.0}, "train.dp_epsilon"),
        ({"batch_tokens": 64}, "train.batch_tokens"),
        ({"max_grad_norm": 0.0}, "train.max_grad_norm"),
        ({"class_weights": "balanced"}, "train.class_weights"),
        ({"adapter": "dora"}, "train.adapter"),
        ({"world_size": 2}, "train.world_size"),
        (
            {"world_size": 2, "sharding": "fsdp2"},
            "train.world_size: this does not go with differential privacy. Set it to 1, and sharding to none",
        ),
        ({"precision": "bf16"}, "train.precision"),
        ({"task": "masked_lm"}, "task"),
        ({"base_model_reference": "new://gpt2#sha256=0"}, "base_model"),
        ({"dp_delta": 0.05}, "train.dp_delta: 0.05 protects nobody among 58 training sequences"),
    ],
)
def test_what_does_not_go_with_it_is_refused(configure, options, line):
    with pytest.raises(UserError) as caught:
        core.run(configure(**{**DP, **options}))
    assert caught.value.line.startswith(line)


def test_a_model_whose_sequences_cannot_be_told_apart_is_refused(configure, without_dropout, monkeypatch):
    """As BERT's table of positions is, where each sequence is not given its own."""
    monkeypatch.setattr(privacy, "POSITIONED", ())
    with pytest.raises(UserError, match=r"no gradient of each sequence for bert\.embeddings\.position_embeddings"):
        core.run(configure(base_model=without_dropout, **DP))
