"""The optimizer, and the learning rate as a pure function of the step."""

from __future__ import annotations

import math
import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import torch

from components.train.config import Config
from components.train.schedule_free import ScheduleFreeAdamW

_LAYER: Final = re.compile(r"\.(?:layers?|h|blocks?)\.(\d+)\.")
"""Number of the layer in the name of a parameter, as the models of transformers name them."""
_EMBEDDING: Final = re.compile(r"(?:embed|wte|wpe|shared)")


def make_optimizer(model: torch.nn.Module, config: Config) -> torch.optim.Optimizer:
    """The optimizer; weights decay if they have two or more dimensions, so biases and every kind of norm do not."""
    trained = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    scales = layer_scales([name for name, _ in trained], config.layer_decay)
    groups = []
    for scale in sorted(set(scales.values())):
        own = [parameter for name, parameter in trained if scales[name] == scale]
        groups += [
            {"params": [p for p in own if p.ndim >= 2], "weight_decay": config.weight_decay, "scale": scale},
            {"params": [p for p in own if p.ndim < 2], "weight_decay": 0.0, "scale": scale},
        ]
    groups, rate = [group for group in groups if group["params"]], config.learning_rate
    match config.optimizer:
        case "adafactor":
            return torch.optim.Adafactor(groups, lr=rate)
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=config.momentum)
        case "schedule_free":
            return ScheduleFreeAdamW(groups, lr=rate)
    return torch.optim.AdamW(groups, lr=rate, fused=True)


def model_weights(optimizer: Any) -> AbstractContextManager[None]:
    """While the block runs the parameters are those of the model, where the optimizer trains on others."""
    bare = getattr(optimizer, "optimizer", optimizer)  # accelerate wraps it
    return bare.averaged() if isinstance(bare, ScheduleFreeAdamW) else nullcontext()


def layer_scales(names: list[str], decay: float) -> dict[str, float]:
    """What each parameter's learning rate is multiplied by: `decay` for each layer between it and the head."""
    numbers = {name: match for name in names if (match := _LAYER.search(name))}
    layers = 1 + max((int(match[1]) for match in numbers.values()), default=-1)

    def below_head(name: str) -> int:
        if name in numbers:
            return layers - int(numbers[name][1])
        return layers + 1 if _EMBEDDING.search(name) else 0

    return {name: decay ** below_head(name) for name in names}


def learning_rate(step: int, total_steps: int, config: Config) -> float:
    """The learning rate of step `step` (from 1 on)."""
    warmup = math.ceil(total_steps * config.warmup_fraction)
    if step <= warmup:
        return config.learning_rate * step / warmup
    gone = (step - 1 - warmup) / max(total_steps - warmup, 1)
    if config.schedule == "wsd":
        falling = math.ceil(total_steps * config.decay_fraction)
        return config.learning_rate * min(1.0, (total_steps - step + 1) / max(falling, 1))
    factor = {"linear": 1 - gone, "cosine": (1 + math.cos(math.pi * gone)) / 2, "constant": 1.0}[config.schedule]
    return config.learning_rate * factor


def set_learning_rate(optimizer: Any, rate: float) -> None:
    """Gives each parameter group the learning rate, scaled as the group says."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
