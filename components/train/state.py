"""The state of a training as files: safetensors for tensors, JSON for the rest, no pickle.

    model.safetensors, optimizer.safetensors, optimizer.json, journal.json, best.safetensors

There is no state of random generators, order or schedule: each is a function of the step.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, load_model, save_file, save_model

from components.train.journal import Journal

BEST: Final = "best.safetensors"
JOURNAL: Final = "journal.json"
MODEL: Final = "model.safetensors"
OPTIMIZER, OPTIMIZER_NUMBERS = "optimizer.safetensors", "optimizer.json"


def save_state(
    directory: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, journal: Journal, best: Path
) -> None:
    """Writes everything a training needs to go on."""
    save_model(model, str(directory / MODEL))
    _save_optimizer(directory, optimizer)
    save_finished(directory, journal, best)


def save_finished(directory: Path, journal: Journal, best: Path) -> None:
    """Writes what a finished training leaves."""
    (directory / JOURNAL).write_bytes(journal.to_json())
    if best.exists():
        shutil.copyfile(best, directory / BEST)


def load_state(directory: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Brings model and optimizer back to what `save_state` wrote."""
    load_model(model, directory / MODEL)
    _load_optimizer(directory, optimizer)


def _save_optimizer(directory: Path, optimizer: torch.optim.Optimizer) -> None:
    tensors, numbers = {}, {}
    for index, entries in optimizer.state_dict()["state"].items():
        for name, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{index}.{name}"] = value.contiguous()
            else:
                numbers[f"{index}.{name}"] = value
    save_file(tensors, directory / OPTIMIZER)
    (directory / OPTIMIZER_NUMBERS).write_text(json.dumps(numbers, sort_keys=True))


def _load_optimizer(directory: Path, optimizer: torch.optim.Optimizer) -> None:
    state: dict[int, dict[str, Any]] = {}
    tensors = {name: tensor.clone() for name, tensor in load_file(directory / OPTIMIZER).items()}
    for key, value in {**tensors, **json.loads((directory / OPTIMIZER_NUMBERS).read_text())}.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
