"""What to do when memory runs out: compute each step in more parts, so that the step itself stays the same."""

from __future__ import annotations

import gc
import logging

import torch

from components.shared.errors import UserError

log = logging.getLogger("evertune.train")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory left, on a GPU or here."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def out_of_memory(step: int) -> UserError:
    """What a sharded training says: its processes cannot try a step anew one by one."""
    return UserError(
        f"memory ran out at step {step}",
        where="train.accumulation",
        remedy="raise it, set gradient_checkpointing, or take more processes; checkpoints are kept",
    )


def finer_parts(parts: int, rows: int) -> int:
    """Twice as many parts of a step, after what the failed try held was given back.

    Raises:
        UserError: if a part holds one row already.
    """
    if parts >= rows:
        raise UserError(
            "memory runs out with one row at a time",
            where="train.max_tokens",
            remedy="lower it, set gradient_checkpointing, train an adapter, or give a smaller model",
        )
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    log.warning("out of memory: each step is computed in %d parts from now on, with the same rows", 2 * parts)
    return 2 * parts
