"""Which weights decay, and how the learning rate goes."""

from __future__ import annotations

import pytest
import torch

from components.train.optimizer import learning_rate, make_optimizer


def test_only_weights_of_two_dimensions_decay(configure):
    layers = torch.nn.Sequential(torch.nn.Embedding(5, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 2))
    optimizer = make_optimizer(layers, configure(weight_decay=0.1))
    decay = {group["weight_decay"]: [tuple(p.shape) for p in group["params"]] for group in optimizer.param_groups}
    assert decay == {0.1: [(5, 4), (2, 4)], 0.0: [(4,), (4,), (2,)]}


def test_frozen_weights_are_left_alone(configure):
    layer = torch.nn.Linear(4, 2)
    layer.weight.requires_grad_(False)
    optimizer = make_optimizer(layer, configure())
    assert [len(group["params"]) for group in optimizer.param_groups] == [1]


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("linear", [0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("cosine", [0.5, 1.0, 1.0, 0.96194, 0.85355, 0.69134, 0.5, 0.30866, 0.14645, 0.03806]),
    ],
)
def test_schedules(configure, schedule, rates):
    config = configure(schedule=schedule, warmup_fraction=0.2, learning_rate=1.0)
    assert [learning_rate(step, 10, config) for step in range(1, 11)] == pytest.approx(rates, abs=1e-5)


@pytest.mark.parametrize("warmup", [0.0, 1.0])
def test_extreme_warm_ups_give_a_rate_for_each_step(configure, warmup):
    config = configure(warmup_fraction=warmup, learning_rate=1.0)
    rates = [learning_rate(step, 4, config) for step in range(1, 5)]
    assert rates == ([1.0, 0.75, 0.5, 0.25] if warmup == 0 else [0.25, 0.5, 0.75, 1.0])
