"""Optimizers, focal loss and dropout: what each does, and that all of them resume exactly."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.files import sha256_of
from components.train import core, methods
from components.train.optimizer import make_optimizer, model_weights
from components.train.schedule_free import ScheduleFreeAdamW
from components.train.tasks import open_task
from tests.components.train.stopping import stop_at
from tests.tiny_models import tiny_model_of


def weights(config):
    return sha256_of(config.model / "model.safetensors")


METHODS = [
    {"optimizer": "adafactor", "learning_rate": 0.05},
    {"optimizer": "sgd", "learning_rate": 0.2, "momentum": 0.5},
    {"optimizer": "schedule_free", "schedule": "constant"},
    {"focal_gamma": 2.0, "dropout": 0.3},
]


@pytest.mark.parametrize("options", METHODS, ids=lambda options: next(iter(options.values())))
def test_method_learns_and_resumes_exactly_also_at_the_end_of_an_epoch(configure, monkeypatch, options):
    whole = configure("whole", **options)
    core.run(whole)
    losses = [point["loss"] for point in json.loads((whole.model / "training.json").read_text())["history"]]
    assert min(losses[1:]) < losses[0]
    stopped = configure("stopped", checkpoint_steps=1, **options)
    for step in (3, 8, 13):
        stop_at(monkeypatch, stopped, step)
    core.run(stopped)
    assert weights(stopped) == weights(whole)


def test_each_optimizer_is_what_its_name_says(configure):
    model = torch.nn.Linear(4, 4)
    kinds = {
        name: type(make_optimizer(model, configure(optimizer=name, schedule="constant")))
        for name in ("adamw", "adafactor", "sgd", "schedule_free")
    }
    assert list(kinds.values()) == [torch.optim.AdamW, torch.optim.Adafactor, torch.optim.SGD, ScheduleFreeAdamW]


def test_schedule_free_finds_the_minimum_and_shows_the_average_only_inside_the_block():
    torch.manual_seed(0)
    wanted, weight = torch.tensor([1.0, -2.0, 0.5]), torch.nn.Parameter(torch.zeros(3))
    optimizer = ScheduleFreeAdamW([weight], lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        (weight - wanted + 0.5 * torch.randn(3)).square().sum().backward()
        optimizer.step()
    before = weight.detach().clone()
    with model_weights(SimpleNamespace(optimizer=optimizer)):
        assert not torch.equal(weight, before)
        torch.testing.assert_close(weight.detach(), wanted, atol=0.1, rtol=0)
        mixture = 0.9 * weight + 0.1 * optimizer.state[weight]["fast"]
        torch.testing.assert_close(mixture.detach(), before)
    assert torch.equal(weight, before)


def test_sure_answers_count_less_with_focal_loss(configure):
    config = configure(focal_gamma=2.0)
    task = open_task(Dataset(config.data), config)
    logits = torch.tensor([[4.0, -4.0], [0.1, -0.1]])
    batch = {"input_ids": None, "attention_mask": None, "labels": torch.tensor([0, 0])}

    def one(row):
        model = lambda **_: SimpleNamespace(logits=logits[row : row + 1])  # noqa: E731
        return float(task.loss(model, {**batch, "labels": batch["labels"][:1]}))

    for row in (0, 1):
        probability = float(logits[row].softmax(-1)[0])
        expected = -((1 - probability) ** 2) * torch.tensor(probability).log()
        assert one(row) == pytest.approx(float(expected), rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("bert", {"hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5}),
        ("gpt2", {"resid_pdrop": 0.5, "embd_pdrop": 0.5, "attn_pdrop": 0.5}),
        ("llama", {"attention_dropout": 0.5}),
        ("t5", {"dropout_rate": 0.5}),
    ],
)
def test_dropout_of_every_kind_of_model_can_be_set(tmp_path, kind, settings):
    import transformers

    directory = tiny_model_of(kind, tmp_path / kind, ["a few words to read"], **settings)
    name = {"bert": "AutoModelForMaskedLM", "t5": "AutoModelForSeq2SeqLM"}.get(kind, "AutoModelForCausalLM")
    model = getattr(transformers, name).from_pretrained(directory).train()
    tokens = torch.arange(5, 25)[None]
    inputs = {"input_ids": tokens, **({"labels": tokens} if kind == "t5" else {})}

    def differs():
        return not torch.equal(model(**inputs).logits, model(**inputs).logits)

    assert differs()
    methods.set_dropout(model, 0.0)
    assert not differs()
    methods.set_dropout(model, 0.4)
    assert differs()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"optimizer": "schedule_free"}, "train.schedule: linear is not for schedule_free. Set it to constant"),
        ({"dropout": -0.5}, "train.dropout: -0.5 is no share. Give -1, or 0 to 0.9"),
        (
            {"sharding": "fsdp2"},
            "train.sharding: fsdp2 spreads a model over processes, and there is one. "
            "Set world_size to 2 or more, or sharding to none",
        ),
        (
            {"sharding": "fsdp2", "world_size": 2, "adapter": "qlora"},
            "train.sharding: fsdp2 does not spread weights in 4 bits. Set it to none",
        ),
        (
            {"sharding": "fsdp2", "world_size": 2, "optimizer": "adafactor"},
            "train.optimizer: adafactor keeps sums over whole weights, which fsdp2 spreads. "
            "Take another optimizer, or set sharding to none",
        ),
    ],
)
def test_options_that_cannot_be_are_refused(configure, options, line):
    with pytest.raises(UserError) as caught:
        configure(**options)
    assert caught.value.line == line
