"""The state of a training as files: safetensors for tensors, JSON for the rest, no pickle.

    model.safetensors, optimizer.safetensors, optimizer.json, journal.json, best.safetensors

There is no state of random generators, order or schedule: each is a function of the step.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, load_model, save_file, save_model

from components.train.journal import Journal
from components.train.sharding import is_sharded, share
from components.train.writing import os_errors

BEST: Final = "best.safetensors"
JOURNAL: Final = "journal.json"
MODEL: Final = "model.safetensors"
OptimizerState = Mapping[int, Mapping[str, Any]]
"""By number of the parameter, as torch's `state_dict` has it."""
OPTIMIZER, OPTIMIZER_NUMBERS = "optimizer.safetensors", "optimizer.json"


def save_state(
    directory: Path, model: torch.nn.Module, optimizer_state: OptimizerState, journal: Journal, best: Path
) -> None:
    """Writes everything a training needs to go on."""
    save_weights(model, directory / MODEL)
    _save_optimizer(directory, optimizer_state)
    save_finished(directory, journal, best)


def save_finished(directory: Path, journal: Journal, best: Path) -> None:
    """Writes what a finished training leaves."""
    (directory / JOURNAL).write_bytes(journal.to_json())
    if best.exists():
        shutil.copyfile(best, directory / BEST)


def load_state(directory: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Brings model and optimizer back to what `save_state` wrote; sharded ones to their share of it."""
    load_weights(model, directory / MODEL)
    _load_optimizer(directory, optimizer)


def save_weights(model: torch.nn.Module, path: Path) -> None:
    """Writes the weights that training changes: all of them, or an adapter and what else is not frozen."""
    trained = _trained(model)
    with os_errors(path):
        if trained is None:
            save_model(model, str(path))
        else:
            save_file({name: parameter.detach().contiguous() for name, parameter in trained.items()}, path)


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Brings the weights back to what `save_weights` wrote."""
    trained = _trained(model)
    if trained is None and not is_sharded(model):
        load_model(model, path)
        return
    tensors, wanted = load_file(path), trained or model.state_dict()
    assert tensors.keys() == wanted.keys() or not trained, "the checkpoint key names all that decides what is trained"
    with torch.no_grad():
        for name, tensor in tensors.items():
            wanted[name].copy_(share(tensor, wanted[name]))


def _trained(model: torch.nn.Module) -> dict[str, torch.nn.Parameter] | None:
    """The parameters that are trained, where not all of them are."""
    named = dict(model.named_parameters())
    trained = {name: parameter for name, parameter in named.items() if parameter.requires_grad}
    return None if len(trained) == len(named) else trained


def _save_optimizer(directory: Path, state: OptimizerState) -> None:
    tensors, numbers = {}, {}
    for index, entries in state.items():
        for name, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{index}.{name}"] = value.contiguous()
            else:
                numbers[f"{index}.{name}"] = value
    with os_errors(directory / OPTIMIZER):
        save_file(tensors, directory / OPTIMIZER)
    (directory / OPTIMIZER_NUMBERS).write_text(json.dumps(numbers, sort_keys=True))


def _load_optimizer(directory: Path, optimizer: torch.optim.Optimizer) -> None:
    state: dict[int, dict[str, Any]] = {}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    tensors = {name: tensor.clone() for name, tensor in load_file(directory / OPTIMIZER).items()}
    for key, value in {**tensors, **json.loads((directory / OPTIMIZER_NUMBERS).read_text())}.items():
        index, _, name = key.partition(".")
        own = share(value, parameters[int(index)]) if isinstance(value, torch.Tensor) else value
        state.setdefault(int(index), {})[name] = own
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
