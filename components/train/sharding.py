"""FSDP2: weights, gradients and optimizer state of one model spread over the processes, by torch's `fully_shard`.

Checkpoints and the exported model are those of any other training: what is spread is gathered on the CPU of the first
process, tensor by tensor, and each process cuts its share of what was read.
"""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor


def shard(model: Any, accelerator: Accelerator) -> Any:
    """Spreads a model over the processes, layer by layer, and prepares it for their arithmetic."""
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    model = model.to(accelerator.device)
    for module in _layers(model):
        fully_shard(module, mesh=mesh)
    fully_shard(model, mesh=mesh)
    # As if it were for evaluation: Accelerate would copy it to all processes (DDP) otherwise.
    return accelerator.prepare_model(model, evaluation_mode=True)


def gather_weights(model: torch.nn.Module, whole: torch.nn.Module | None) -> None:
    """Copies the weights to a model that is not spread; all processes call it, the first one has that model."""
    named = model.named_parameters(remove_duplicate=False)
    frozen = {name for name, parameter in named if not parameter.requires_grad}
    wanted = whole.state_dict() if whole else {}
    for name, tensor in model.state_dict().items():
        if name not in frozen:
            full = _full(tensor)
            if whole:
                wanted[name].copy_(full)


def gather_state(optimizer: Any, *, keep: bool) -> dict[int, dict[str, Any]]:
    """The state of an optimizer by number of the parameter, as `state_dict` has it without sharding.

    Args:
        optimizer: The optimizer; all processes call it.
        keep: Whether this process wants it.
    """
    found: dict[int, dict[str, Any]] = {}
    for number, entries in optimizer.state_dict()["state"].items():
        whole = {name: _full(value) if isinstance(value, torch.Tensor) else value for name, value in entries.items()}
        if keep:
            found[number] = whole
    return found


def share(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A whole tensor spread like another one; as it is where that one is not spread, or of another shape."""
    if not isinstance(like, DTensor) or tensor.shape != like.shape:
        return tensor
    # Each process has the whole tensor: nothing needs to be sent.
    return distribute_tensor(tensor, like.device_mesh, like.placements, src_data_rank=None)


def is_sharded(model: torch.nn.Module) -> bool:
    """Whether a model is spread."""
    return any(isinstance(parameter, DTensor) for parameter in model.parameters())


def _layers(model: Any) -> list[Any]:
    """The modules that transformers says belong together, without those that share a weight with another place."""
    bare = model.get_base_model() if hasattr(model, "get_base_model") else model
    kinds = set(getattr(bare, "_no_split_modules", None) or ())
    places: dict[int, int] = {}
    for _, parameter in model.named_parameters(remove_duplicate=False):
        places[id(parameter)] = places.get(id(parameter), 0) + 1
    found = [module for module in model.modules() if type(module).__name__ in kinds]
    return [one for one in found if all(places[id(parameter)] == 1 for parameter in one.parameters())]


def _full(tensor: torch.Tensor) -> torch.Tensor:
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().cpu()
