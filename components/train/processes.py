"""The processes that train together: their number, their threads, their random numbers."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from accelerate import Accelerator, PartialState
from accelerate.utils import broadcast_object_list

from components.shared.errors import UserError
from components.train.config import Config
from components.train.privacy import is_private

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def start(config: Config) -> Accelerator:
    """Joins the processes and sets up this one.

    Raises:
        UserError: if another number of processes than configured takes part.
    """
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(), mixed_precision={"bf16": "bf16", "fp32": "no"}[config.precision]
    )
    if accelerator.num_processes != config.world_size:
        raise UserError(
            f"the number of processes is {accelerator.num_processes}, not {config.world_size}",
            where="train.world_size",
            remedy=f"start it with `torchrun --nproc-per-node={config.world_size} -m -- components.train`",
        )
    torch.set_num_threads(config.threads or _cores(int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False
        torch.backends.cudnn.benchmark = False
    return accelerator


def probed(config: Config) -> Config:
    """The configuration with `precision=auto` decided by the hardware, so that it is part of the checkpoint key.

    Without native support bf16 is many times slower than fp32 on a CPU, and even with it the weights would no longer be
    the same bytes on every CPU: auto takes it on GPUs only. Gradients of each sequence are computed in fp32.
    """
    if config.precision != "auto":
        return config
    native = (
        not is_private(config) and torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    return dataclasses.replace(config, precision="bf16" if native else "fp32")


def seed_everything(*parts: int) -> None:
    """Seeds all generators with a hash of `parts`.

    Each step is seeded with the configured seed, its number and the number of the process: what a step
    draws does not depend on the steps before it, so a resumed training needs no state of any generator.
    """
    number = int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "big") >> 1
    torch.manual_seed(number)
    np.random.seed(number % 2**32)
    random.seed(number)


def from_first(value: Any) -> Any:
    """The value that the first process has."""
    shared = [value]
    broadcast_object_list(shared)
    return shared[0]


def refused_by_first(check: Callable[[], None]) -> None:
    """Runs a check in the first process; what it refuses, all of them refuse."""
    error: UserError | None = None
    if PartialState().is_main_process:
        try:
            check()
        except UserError as refused:
            error = refused
    if found := from_first(error):
        raise found


def _cores(processes: int) -> int:
    """Cores for each of the processes on this machine, no more than the container may use."""
    cores: int = min(torch.get_num_threads(), len(os.sched_getaffinity(0)))
    try:
        quota, period = CPU_QUOTA.read_text().split()
        cores = min(cores, int(quota) // int(period))
    except (OSError, ValueError):
        pass  # no control group, or no limit ("max")
    return max(1, cores // processes)
