"""One training from the first step or the newest checkpoint to the last, with checkpoints on the way."""

from __future__ import annotations

import logging
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from components.shared.errors import RetryError, Terminated
from components.shared.progress import Progress
from components.train.checkpoints import FINISHED, Checkpoints
from components.train.config import Config
from components.train.events import EventLog
from components.train.journal import Journal
from components.train.lease import Lease
from components.train.loop import Loop
from components.train.optimizer import learning_rate
from components.train.processes import from_first
from components.train.state import BEST, JOURNAL, load_state, save_finished, save_state
from components.train.stop import StopOnSigterm

log = logging.getLogger("evertune.train")


class Session:
    """Runs a loop and its checkpoints.

    Args:
        config: The options.
        loop: The model in training, at its beginning.
        checkpoints: Those of this training.
        lease: The right to write them; the first process has it.
        work: Directory in which they are staged.
    """

    def __init__(self, config: Config, loop: Loop, checkpoints: Checkpoints, lease: Lease | None, work: Path) -> None:
        self.config, self.loop, self.checkpoints, self.work = config, loop, checkpoints, work
        self._lease = lease
        self._main = loop.accelerator.is_main_process
        self._saved_step, self._saved_time = 0, time.monotonic()

    def run(self) -> Journal:
        """Trains to the end and returns the journal; the best weights are in the file of the loop.

        Raises:
            Terminated: after SIGTERM, when the step is done and saved.
            RetryError: if another process took over.
            UserError: if the loss is not a number any more.
        """
        alone = self.loop.accelerator.num_processes == 1
        with ExitStack() as stack:
            finished = self._resume()
            events = stack.enter_context(EventLog(self.config.logs, self.loop.journal)) if self._main else None
            if not finished:
                self._train(events, stack.enter_context(StopOnSigterm(alone)))
                self._save(finished=True)
        return self.loop.journal

    def _train(self, events: EventLog | None, stop: StopOnSigterm) -> None:
        loop = self.loop
        loop.fit_memory()
        loop.validate_before(stop)
        with Progress("training", loop.plan.total_steps, "steps", done=loop.journal.step) as progress:
            while True:
                loop.validate_if_due(events, stop)
                if self._due():
                    self._save_or_go_on()
                if stop.agreed:
                    self._stop()
                if loop.finished:
                    return
                loss = loop.step(events, stop)
                if self._lease:
                    progress.advance(note=f"loss {loss:.4f}")
                    self._lease.facts = self._facts() | {"loss": loss, **_speed(progress, loop.plan.total_steps)}

    def _resume(self) -> bool:
        """Goes back to the newest checkpoint; says whether it is that of a finished training."""
        with tempfile.TemporaryDirectory(dir=self.work) as directory:
            staged = Path(directory)
            name = from_first(self.checkpoints.load_newest(staged) if self._main else "")
            if not name:
                if self._main and (other := self.checkpoints.difference()):
                    log.info("a new training: of the others here the newest, %s", other)
                return False
            if not self._main:
                self.checkpoints.load(name, staged)
            self.loop.journal = Journal.from_json((staged / JOURNAL).read_bytes())
            if (staged / BEST).exists():
                (staged / BEST).replace(self.loop.best)
            finished: bool = name.endswith(FINISHED)
            if not finished:
                load_state(staged, self.loop.bare_model, self.loop.optimizer)
        self._saved_step = self.loop.journal.step
        if self._main:
            log.info("going on after step %d, from checkpoint %s/%s", self._saved_step, self.checkpoints.key, name)
        return finished

    def _due(self) -> bool:
        steps, seconds = self.config.checkpoint_steps, self.config.checkpoint_seconds
        step = self.loop.journal.step
        if not self._main or self.loop.finished or step == self._saved_step:
            return False
        by_step = steps > 0 and step % steps == 0
        return by_step or (seconds > 0 and time.monotonic() - self._saved_time >= seconds)

    def _save_or_go_on(self) -> None:
        try:
            self._save()
        except RetryError as error:
            log.warning("step %d is not saved, training goes on: %s", self.loop.journal.step, error.line)
            self._saved_time = time.monotonic()

    def _save(self, *, finished: bool = False) -> None:
        if self._lease is None:
            return
        self._lease.check()
        loop = self.loop
        with tempfile.TemporaryDirectory(dir=self.work) as directory:
            staged = Path(directory)
            if finished:
                save_finished(staged, loop.journal, loop.best)
            else:
                save_state(staged, loop.bare_model, loop.optimizer, loop.journal, loop.best)
            self.checkpoints.save(loop.journal.step, staged, finished=finished, facts=self._facts())
        self._saved_step, self._saved_time = loop.journal.step, time.monotonic()

    def _facts(self) -> dict[str, Any]:
        """What `evertune train-status` tells of this training."""
        loop, config = self.loop, self.config
        return {
            "step": loop.journal.step,
            "total_steps": loop.plan.total_steps,
            "learning_rate": learning_rate(max(loop.journal.step, 1), loop.plan.total_steps, config),
            "task": config.task,
            "dataset": config.dataset,
            "revision": config.revision,
        }

    def _stop(self) -> None:
        step = self.loop.journal.step
        if step > self._saved_step:
            self._save()
        raise Terminated(f"stopped by SIGTERM, step {step} is saved", where="train", remedy="run again to go on")


def _speed(progress: Progress, total: int) -> dict[str, float]:
    """Steps in a second since this process began, and how long the rest takes at that."""
    rate = (progress.done - progress.before) / max(time.monotonic() - progress.started, 1e-9)
    return {"steps_per_second": rate, "seconds_left": (total - progress.done) / max(rate, 1e-9)}
