"""The training loop: optimizer steps and validations, over one process or many."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from components.shared.errors import UserError
from components.train import sharding
from components.train.config import FSDP2, Config
from components.train.events import EventLog
from components.train.journal import Journal, Point
from components.train.memory import finer_parts, is_out_of_memory, out_of_memory
from components.train.optimizer import learning_rate, make_optimizer, model_weights, set_learning_rate
from components.train.order import Plan, Rows, parts
from components.train.privacy import PrivateGradients, is_private, new_secret
from components.train.processes import seed_everything
from components.train.state import OptimizerState, save_weights
from components.train.stop import StopOnSigterm
from components.train.tasks import Task


class Loop:
    """A model in training.

    Args:
        config: The options.
        accelerator: The processes.
        task: What is learned, tokenized.
        model: The pretrained model.
        best: File that holds the weights of the best validation.

    Attributes:
        journal: What was done so far.
        private: What makes the gradients of a differentially private training; else None.
        whole: The model with all its weights, as of the last `gather` if it is sharded; then the first process has it.
        optimizer_state: The state of the optimizer, likewise.
    """

    def __init__(self, config: Config, accelerator: Accelerator, task: Task, model: Any, best: Path) -> None:
        self.config, self.accelerator, self.task, self.best = config, accelerator, task, best
        self.plan = Plan(
            task.lengths["train"],
            config.batch_size,
            config.epochs,
            config.evaluations_per_epoch,
            config.seed,
            config.batch_tokens,
        )
        self.sharded = config.sharding == FSDP2
        self.optimizer_state: OptimizerState = {}
        if self.sharded:
            whole = copy.deepcopy(model) if accelerator.is_main_process else None
            self.model = sharding.shard(model, accelerator)
            self.optimizer = accelerator.prepare(make_optimizer(self.model, config))
        else:
            self.model, self.optimizer = accelerator.prepare(model, make_optimizer(model, config))
        self.bare_model: torch.nn.Module = accelerator.unwrap_model(self.model)
        self.whole: torch.nn.Module | None = whole if self.sharded else self.bare_model
        self.journal = Journal()
        rows, steps = len(task.lengths["train"]), self.plan.total_steps
        self.private = PrivateGradients(config, self.bare_model, rows, steps) if is_private(config) else None

    @property
    def finished(self) -> bool:
        """Whether all steps are done, or so many validations brought nothing better that more are not worth it."""
        patience = self.config.patience
        exhausted = patience > 0 and self.journal.validations_since_best >= patience
        return exhausted or self.journal.step == self.plan.total_steps

    def step(self, log: EventLog | None, stop: StopOnSigterm) -> float:
        """Does one optimizer step and returns its mean loss; agrees with the other processes on a stop.

        The loss of a private step is nobody's to know: it is 0.

        Raises:
            UserError: if the loss or the gradient is not a number any more.
        """
        step = self.journal.step + 1
        seed_everything(self.config.seed, step, self.accelerator.process_index)
        rate = learning_rate(step, self.plan.total_steps, self.config)
        set_learning_rate(self.optimizer, rate)
        self.model.train()
        loss = self._agree(self._private(step) if self.private else self._fitting(step), stop)
        most = math.inf if self.private else self.config.max_grad_norm or math.inf
        norm = float(self.accelerator.clip_grad_norm_(self.model.parameters(), most))
        self._check_finite(step, {"loss": loss, "gradient norm": norm})
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._record(step, loss, rate, norm, log)
        return loss

    def gather(self, *, weights_only: bool = False) -> None:
        """Brings `whole` and `optimizer_state` up to date; all processes of a sharded training call it together."""
        if not self.sharded:
            self.optimizer_state = self.optimizer.state_dict()["state"]
            return
        sharding.gather_weights(self.bare_model, self.whole)
        if not weights_only:
            self.optimizer_state = sharding.gather_state(self.optimizer, keep=self.accelerator.is_main_process)

    def check_weights(self) -> None:
        """Raises UserError if weights are not numbers any more: no checkpoint of them takes the place of a good one."""
        assert self.whole is not None, "the first process has gathered"
        if not all(bool(one.isfinite().all()) for one in self.whole.parameters() if one.requires_grad):
            raise _broken("a weight is no number any more", self.journal.step)

    def validate_before(self, stop: StopOnSigterm) -> None:
        """Measures the base model before the first step, if it is one that can do the task."""
        journal = self.journal
        if self.task.able_before and journal.step == 0 and not journal.before and (sums := self._measure(stop)):
            journal.before = self._validated(sums)

    def validate_if_due(self, log: EventLog | None, stop: StopOnSigterm) -> None:
        """Validates after the steps of the plan and keeps the weights of the best; a stop breaks it off."""
        if not self.plan.validates(self.journal.step) or self.journal.validated or stop.agreed:
            return
        with model_weights(self.optimizer):
            self._validate(log, stop)

    def _validate(self, log: EventLog | None, stop: StopOnSigterm) -> None:
        sums = self._measure(stop)
        if sums is None:
            return
        epoch = self.plan.epochs_done(self.journal.step)
        point: Point = {"step": self.journal.step, "epoch": epoch, **self._validated(sums)}
        best = self.journal.best
        self.journal.validations.append(point)
        if best is None or self.task.quality(point) > self.task.quality(best):
            self.journal.best_step = self.journal.step
            self.gather(weights_only=True)
            if self.whole is not None and self.accelerator.is_main_process:
                save_weights(self.whole, self.best)
        if log:
            log.add("validation", point)

    def fit_memory(self) -> None:
        """Lets the processes agree on parts in which the largest step fits into the memory of each of them.

        A process alone finds that out when it happens. Of several, one that runs out in the middle of a step would
        leave the others waiting for its gradients; so they try before the first step, without exchanging any. A sharded
        model cannot be tried like that: each process needs the others for every layer.
        """
        if self.accelerator.num_processes > 1 and not self.sharded:
            rows = self.plan.largest()
            while any(self._over_processes([float(self._runs_out(rows))])):
                self._cut_finer(rows)

    def _private(self, step: int) -> float:
        """The gradient of a private step."""
        assert self.private is not None
        self.journal.secret = self.journal.secret or new_secret()
        epoch = self.plan.epoch(step)
        self.private.put(
            step, self.journal.secret, lambda rows: self.task.loss(self.model, self._batch("train", rows, epoch))
        )
        return 0.0

    def _runs_out(self, rows: Rows) -> bool:
        self.model.train()
        try:
            self._backward(rows, 0, exchange=False)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return True
        finally:
            self.optimizer.zero_grad()
        return False

    def _cut_finer(self, rows: Rows) -> None:
        parts_before = self.config.accumulation * self.journal.finer * self.accelerator.num_processes
        finer_parts(parts_before, len(rows))
        self.journal.finer *= 2

    def _fitting(self, step: int) -> float:
        """The gradient of a step, in more parts when memory runs out."""
        rows, epoch = self.plan.rows(step), self.plan.epoch(step)
        while True:
            try:
                return self._backward(rows, epoch)
            except (RuntimeError, MemoryError) as error:
                if self.sharded and is_out_of_memory(error):
                    raise out_of_memory(step) from error
                if not is_out_of_memory(error) or self.accelerator.num_processes > 1:
                    raise
            self.optimizer.zero_grad()
            self._cut_finer(rows)
            seed_everything(self.config.seed, step, self.accelerator.process_index)

    def _backward(self, rows: Rows, epoch: int, *, exchange: bool = True) -> float:
        """Computes the gradient of the mean loss over `rows`; returns this process's share of that loss."""
        processes, accumulation = self.accelerator.num_processes, self.config.accumulation * self.journal.finer
        units, losses = self.task.units("train", rows, epoch), []
        model = self.model if exchange else self.bare_model
        for part in range(accumulation):
            share = parts(rows, processes * accumulation, self.accelerator.process_index + processes * part)
            # Processes compute in step: one without rows goes through the motions with a weight of zero.
            if not len(share) and processes == 1:
                continue
            last = exchange and (part == accumulation - 1 or processes == 1)
            with contextlib.nullcontext() if last else self.accelerator.no_sync(model):
                summed = self.task.loss(model, self._batch("train", share if len(share) else rows[:1], epoch))
                loss = summed * ((1 if len(share) else 0) / units)
                self.accelerator.backward(loss * processes)
            losses.append(loss.detach())
        return float(torch.stack(losses).sum())

    def _agree(self, loss: float, stop: StopOnSigterm) -> float:
        """The loss over all processes; all of them stop after this step if one was asked to."""
        if self.accelerator.num_processes > 1:
            loss, requests = self._over_processes([loss, float(stop.requested)])
            stop.agreed = stop.agreed or requests > 0
        return loss

    def _validated(self, sums: list[float]) -> dict[str, float]:
        """The metrics of a validation; those of a model that is broken are none."""
        metrics = self.task.metrics(sums)
        self._check_finite(self.journal.step, {f"validation {name}": value for name, value in metrics.items()})
        return metrics

    def _check_finite(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if not math.isfinite(value):
                raise _broken(f"the {name} is {value}", step)

    def _record(self, step: int, loss: float, rate: float, norm: float, log: EventLog | None) -> None:
        journal = self.journal
        journal.step, journal.loss_sum, journal.loss_count = step, journal.loss_sum + loss, journal.loss_count + 1
        if self.plan.logs(step):
            point: Point = {
                "step": step,
                "epoch": self.plan.epochs_done(step),
                "loss": journal.loss_sum / journal.loss_count,
                "learning_rate": rate,
                "grad_norm": norm,
            }
            if self.private:
                del point["loss"]
            journal.history.append(point)
            journal.loss_sum, journal.loss_count = 0.0, 0
            if log:
                log.add("train", point)

    def _measure(self, stop: StopOnSigterm) -> list[float] | None:
        """Sums over the validation rows of all processes; None when a stop broke it off."""
        by_length = np.argsort(self.task.lengths["validation"], kind="stable")
        size, processes = self.config.eval_batch_size, self.accelerator.num_processes
        every = range(0, len(by_length), size)
        starts = every[self.accelerator.process_index :: processes]
        sums = [0.0] * self.task.measures
        self.bare_model.eval()
        # What a sharded model gathers is used again in training: it must not be marked as of inference only.
        with torch.no_grad() if self.sharded else torch.inference_mode():
            for start in starts:
                if processes == 1 and stop.agreed:
                    return None
                batch = self._batch("validation", by_length[start : start + size], 0)
                sums = [a + b for a, b in zip(sums, self.task.measure(self.bare_model, batch), strict=True)]
            if self.sharded and len(starts) * processes < len(every):
                # Processes of a sharded model compute in step: one with a batch less computes one that does not count.
                self.task.measure(self.bare_model, self._batch("validation", by_length[:size], 0))
        return self._over_processes(sums)

    def _over_processes(self, sums: list[float]) -> list[float]:
        shared = torch.tensor(sums, dtype=torch.float64, device=self.accelerator.device)
        total: list[float] = self.accelerator.reduce(shared, "sum").tolist()
        return total

    def _batch(self, split: str, rows: Rows, epoch: int) -> dict[str, Any]:
        tensors = self.task.batch(split, rows, epoch)
        return {name: tensor.to(self.accelerator.device) for name, tensor in tensors.items()}


def _broken(what: str, step: int) -> UserError:
    if not step:
        return UserError(f"{what} before the first step", where="base_model", remedy="give one whose weights are sound")
    return UserError(
        f"{what} at step {step}",
        where="train",
        remedy="lower learning_rate or max_grad_norm; checkpoints of the steps before it are kept",
    )
