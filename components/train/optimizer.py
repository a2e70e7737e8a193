"""The optimizer, and the learning rate as a pure function of the step."""

from __future__ import annotations

import math

import torch

from components.train.config import Config


def make_optimizer(model: torch.nn.Module, config: Config) -> torch.optim.AdamW:
    """AdamW; weights decay if they have two or more dimensions, so biases and every kind of norm do not."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=config.learning_rate, fused=True)


def learning_rate(step: int, total_steps: int, config: Config) -> float:
    """The learning rate of step `step` (from 1 on)."""
    warmup = math.ceil(total_steps * config.warmup_fraction)
    if step <= warmup:
        return config.learning_rate * step / warmup
    gone = (step - 1 - warmup) / max(total_steps - warmup, 1)
    factor = {"linear": 1 - gone, "cosine": (1 + math.cos(math.pi * gone)) / 2, "constant": 1.0}[config.schedule]
    return config.learning_rate * factor


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Gives every parameter group the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
