"""When memory runs out a step is computed in more parts: the same rows, the same losses, and it resumes exactly."""

from __future__ import annotations

import json

import pytest
import torch

from components.shared.errors import UserError
from components.shared.files import sha256_of
from components.train import core
from components.train.memory import is_out_of_memory
from components.train.tasks.classification import Classification
from tests.components.train.stopping import stop_at

MOST_ROWS = 3


def losses(config):
    return [point["loss"] for point in json.loads((config.model / "training.json").read_text())["history"]]


@pytest.fixture
def little_memory(monkeypatch):
    """A machine on which more than three rows do not fit, from the third step on."""
    plain, calls = Classification.loss, []

    def loss(self, model, batch):
        calls.append(len(batch["labels"]))
        if len(batch["labels"]) > MOST_ROWS and len(calls) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(self, model, batch)

    monkeypatch.setattr(Classification, "loss", loss)
    return calls


def test_a_step_that_does_not_fit_is_computed_in_parts_with_the_same_losses(
    configure, without_dropout, little_memory, monkeypatch, caplog
):
    config = configure("little", base_model=without_dropout)
    core.run(config)
    assert little_memory[:6] == [8, 8, 8, 4, 2, 2]
    assert "each step is computed in 4 parts from now on, with the same rows" in caplog.text
    monkeypatch.undo()
    enough = configure("enough", base_model=without_dropout)
    core.run(enough)
    assert losses(config) == pytest.approx(losses(enough), rel=1e-4)


def test_it_resumes_exactly_with_the_parts_it_had(configure, little_memory, monkeypatch):
    whole, stopped = configure("whole"), configure("stopped", checkpoint_steps=1)
    core.run(whole)
    little_memory.clear()
    stop_at(monkeypatch, stopped, 5)
    core.run(stopped)
    assert sha256_of(stopped.model / "model.safetensors") == sha256_of(whole.model / "model.safetensors")


def test_one_row_that_does_not_fit_ends_in_one_line(configure, monkeypatch):
    def loss(self, model, batch):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(Classification, "loss", loss)
    with pytest.raises(UserError) as caught:
        core.run(configure())
    assert caught.value.line.startswith("train.max_tokens: memory runs out with one row at a time. Lower it, set gradi")


def test_another_error_is_not_taken_for_it(configure, monkeypatch):
    def loss(self, model, batch):
        raise RuntimeError("shapes do not agree")

    monkeypatch.setattr(Classification, "loss", loss)
    assert is_out_of_memory(MemoryError())
    with pytest.raises(RuntimeError, match="shapes do not agree"):
        core.run(configure())
