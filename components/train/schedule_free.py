"""AdamW that needs no schedule: it trains on a mixture of fast weights and their running average, which is the model.

After "The Road Less Scheduled" (Defazio and others, 2024). All of its state belongs to parameters, so that checkpoints
hold it as they hold that of other optimizers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


class ScheduleFreeAdamW(torch.optim.Optimizer):  # type: ignore[misc]
    """The parameters hold the mixture; `averaged` shows the model.

    Args:
        params: Parameters or groups of them.
        lr: Learning rate.
        betas: Share of the average in the mixture, and decay of the squared gradients.
        eps: Is added to denominators.
        weight_decay: Decay of the weights.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def step(self, closure: Callable[[], Any] | None = None) -> None:
        """One step; a closure is not taken."""
        assert closure is None
        with torch.no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        self._step(parameter, group)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """While the block runs the parameters hold the average; after it what they held before, bit for bit."""
        held = []
        with torch.no_grad():
            for group in self.param_groups:
                mixture = group["betas"][0]
                for parameter in group["params"]:
                    if state := self.state.get(parameter):
                        held.append((parameter, parameter.clone()))
                        parameter.lerp_(state["fast"], 1 - 1 / mixture)
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, before in held:
                    parameter.copy_(before)

    def _step(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        state, rate, (mixture, decay) = self.state[parameter], group["lr"], group["betas"]
        if not state:
            state["fast"], state["squares"] = parameter.clone(), torch.zeros_like(parameter)
            state["step"], state["weights"] = torch.zeros(()), torch.zeros(())
        state["step"] += 1
        state["weights"] += rate**2
        share = float(rate**2 / state["weights"]) if rate else 0.0
        gradient = parameter.grad
        assert gradient is not None
        state["squares"].mul_(decay).addcmul_(gradient, gradient, value=1 - decay)
        corrected = state["squares"] / (1 - decay ** float(state["step"]))
        change = gradient / corrected.sqrt().add_(group["eps"]) + group["weight_decay"] * parameter
        parameter.lerp_(state["fast"], share).add_(change, alpha=rate * (mixture * (1 - share) - 1))
        state["fast"].sub_(change, alpha=rate)
