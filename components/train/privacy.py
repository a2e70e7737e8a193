"""Differential privacy (DP-SGD): what one training sequence can change of the model is bounded, and noise covers it.

Each step draws every sequence with the same probability, by itself (Poisson sampling), clips the gradient of each to
`max_grad_norm`, adds noise to their sum, and divides by the expected number of sequences. Gradients of each sequence
and the accountant are opacus'. What is drawn comes from a secret that only the checkpoints of a running training hold:
whoever knew the noise could take it away. So two trainings differ, unless one goes on from the other's checkpoint.

The loss of training sequences is told to nobody: it is not covered by the noise.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import secrets
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from components.shared.errors import UserError
from components.shared.new_models import NEW
from components.train.config import BALANCED, Config

TASKS: Final = ("classification", "multilabel_classification", "causal_lm")
POSITIONED: Final = ("bert", "electra", "gpt2", "gpt_neo")
"""Families with one table of positions for all sequences of a batch, which take them for each as an input."""
Rows = NDArray[np.int64]


def is_private(config: Config) -> bool:
    """Whether a training is differentially private."""
    return config.dp_noise > 0 or config.dp_epsilon > 0


def check_privacy(config: Config) -> None:
    """Refuses what would not be private, or cannot be computed for each sequence; raises UserError."""
    if not is_private(config):
        return
    if importlib.util.find_spec("opacus") is None:
        raise UserError(
            "differential privacy needs the package opacus, which is not installed",
            where="train.dp_noise",
            remedy="build the image with EXTRAS=privacy, or set dp_noise and dp_epsilon to 0",
        )
    for refused, option, remedy in (
        (config.dp_noise > 0 and config.dp_epsilon > 0, "dp_epsilon", "give dp_noise or dp_epsilon, not both"),
        (config.task not in TASKS, "task", f"it is for {', '.join(TASKS)}"),
        (config.task == "causal_lm" and config.packing, "packing", "set it to false: a pack mixes texts"),
        (config.batch_tokens > 0, "batch_tokens", "set it to 0: batches are drawn at random"),
        (config.world_size > 1, "world_size", "set it to 1, and sharding to none"),
        (config.max_grad_norm <= 0, "max_grad_norm", "give what the gradient of each sequence is clipped to"),
        (config.class_weights == BALANCED, "class_weights", "give numbers: balanced ones tell of the data"),
        (config.adapter not in ("none", "lora"), "adapter", "set it to none or lora"),
        (config.gradient_checkpointing, "gradient_checkpointing", "set it to false, and raise accumulation"),
        (config.precision == "bf16", "precision", "set it to fp32 or auto"),
        (
            config.base_model_reference.startswith(NEW),
            "base_model",
            "give a pretrained one: the tokenizer of a new one tells of the data",
        ),
    ):
        if refused:
            where = option if option in ("task", "base_model") else f"train.{option}"
            raise UserError("this does not go with differential privacy", where=where, remedy=remedy)


def sample_rate(config: Config, rows: int) -> float:
    """The probability with which a step takes each of the training sequences."""
    return min(1.0, config.batch_size / rows)


def noise_of(config: Config, rows: int, total_steps: int) -> float:
    """The noise as a multiple of the norm that gradients are clipped to; raises UserError if epsilon cannot be had."""
    if config.dp_delta * rows >= 1:
        raise UserError(
            f"{config.dp_delta} protects nobody among {rows} training sequences",
            where="train.dp_delta",
            remedy=f"give less than {1 / rows:.1g}",
        )
    if config.dp_noise:
        return config.dp_noise
    from opacus.accountants.utils import get_noise_multiplier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of orders at the end of their range: epsilon is then a little larger
        try:
            found = get_noise_multiplier(
                target_epsilon=config.dp_epsilon,
                target_delta=config.dp_delta,
                sample_rate=sample_rate(config, rows),
                steps=total_steps,
                accountant="rdp",
            )
        except ValueError:
            raise UserError(
                f"no noise gives an epsilon of {config.dp_epsilon}",
                where="train.dp_epsilon",
                remedy="give a larger one",
            ) from None
    return float(found)


def spent(config: Config, rows: int, total_steps: int, steps: int) -> dict[str, float]:
    """What so many steps cost: epsilon at the configured delta, as opacus' Renyi accountant has it.

    Args:
        config: The options.
        rows: Training sequences.
        total_steps: Steps of the whole plan, for which noise is sought.
        steps: Steps done.
    """
    if not is_private(config):
        return {}
    from opacus.accountants import RDPAccountant

    noise, accountant = noise_of(config, rows, total_steps), RDPAccountant()
    accountant.history = [(noise, sample_rate(config, rows), steps)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        epsilon = float(accountant.get_epsilon(config.dp_delta))
    return {"dp_epsilon": epsilon, "dp_delta": config.dp_delta, "dp_noise_multiplier": noise}


def new_secret() -> str:
    """What decides rows and noise of one training: 256 bits."""
    return secrets.token_hex(32)


def _draws(secret: str, step: int, what: str) -> np.random.Generator:
    """A generator of its own for each step, so that a training that goes on needs no state but the secret."""
    key = hashlib.blake2b(f"{what} {step}".encode(), key=bytes.fromhex(secret), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key, "big")))


class PrivateGradients:
    """Puts the gradients of a private step into the parameters of a model.

    Args:
        config: The options.
        model: The model; hooks of opacus stay on it until `detach`.
        rows: Training sequences.
        total_steps: Steps of the plan.

    Raises:
        UserError: if opacus cannot tell the sequences of this model apart, or no noise gives the epsilon.
    """

    def __init__(self, config: Config, model: Any, rows: int, total_steps: int) -> None:
        from opacus.grad_sample.grad_sample_module import GradSampleHooks

        self._config, self._model, self._rows = config, model, rows
        self._noise = noise_of(config, rows, total_steps)
        self._trained = {name: one for name, one in model.named_parameters() if one.requires_grad}
        try:
            self._hooks = GradSampleHooks(model, loss_reduction="sum", strict=True)
        except NotImplementedError as error:
            raise _unfit(model, str(error)) from None
        self._positions = model.register_forward_pre_hook(_with_positions, with_kwargs=True)

    def rows(self, step: int, secret: str) -> Rows:
        """The sequences of a step; there may be none."""
        drawn = _draws(secret, step, "rows").random(self._rows)
        return np.flatnonzero(drawn < sample_rate(self._config, self._rows))

    def clipped_sum(self, rows: Rows, loss: Callable[[Rows], Any]) -> dict[str, Any]:
        """The sum over sequences of their clipped gradients, by parameter.

        Args:
            rows: The sequences.
            loss: The summed loss of some of them.
        """
        import torch

        summed = {name: torch.zeros_like(one) for name, one in self._trained.items()}
        size = max(1, math.ceil(self._config.batch_size / self._config.accumulation))
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            with warnings.catch_warnings():
                # An embedding has no input with a gradient; opacus' hooks there do what they should.
                warnings.filterwarnings("ignore", message="Full backward hook is firing", category=UserWarning)
                loss(part).backward()
            for name, gradient in self._clipped(len(part)).items():
                summed[name] += gradient
        return summed

    def put(self, step: int, secret: str, loss: Callable[[Rows], Any]) -> None:
        """Sets the gradients of a step, noise and all."""
        import torch

        summed = self.clipped_sum(self.rows(step, secret), loss)
        draws, scale = _draws(secret, step, "noise"), self._noise * self._config.max_grad_norm
        expected = sample_rate(self._config, self._rows) * self._rows
        for name, parameter in self._trained.items():
            noise = torch.from_numpy(draws.standard_normal(tuple(parameter.shape), dtype=np.float32))
            parameter.grad = (summed[name] + scale * noise.to(parameter.device)) / expected

    def detach(self) -> None:
        """Takes the hooks off, so that the model is the one it was."""
        self._hooks.remove_hooks()
        self._positions.remove()

    def _clipped(self, count: int) -> dict[str, Any]:
        """Sums of the clipped gradients that a backward pass left; they are taken away."""
        import torch

        found: dict[str, Any] = {}
        for name, parameter in self._trained.items():
            gradients = getattr(parameter, "grad_sample", None)
            if not isinstance(gradients, torch.Tensor) or len(gradients) != count:
                raise _unfit(self._model, f"no gradient of each sequence for {name}")
            found[name] = gradients
            parameter.grad_sample, parameter.grad = None, None
        norms = torch.stack([one.flatten(1).norm(dim=1) for one in found.values()]).norm(dim=0)
        shares = (self._config.max_grad_norm / (norms + 1e-6)).clamp(max=1.0)
        return {name: torch.einsum("n,n...->...", shares, one) for name, one in found.items()}


def _with_positions(model: Any, inputs: Any, named: Mapping[str, Any]) -> tuple[Any, dict[str, Any]] | None:
    """Gives each sequence its own positions: one table for the batch would have one gradient for all of them."""
    import torch

    if not model.training or model.config.model_type not in POSITIONED or "position_ids" in named:
        return None
    ids = named["input_ids"]
    positions = torch.arange(ids.shape[1], device=ids.device).expand(ids.shape)
    return inputs, {**named, "position_ids": positions}


def _unfit(model: Any, why: str) -> UserError:
    return UserError(
        f"{model.config.model_type} models do not fit differential privacy: {' '.join(why.split())[:150]}",
        where="base_model",
        remedy="give a BERT or GPT-2 type, train an adapter with lora, or freeze that part",
    )
