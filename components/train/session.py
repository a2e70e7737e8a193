"""One training from the first step or the newest checkpoint to the last, with checkpoints on the way."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from components.shared.errors import Terminated
from components.shared.progress import Progress
from components.train.checkpoints import FINISHED, Checkpoints
from components.train.config import Config
from components.train.events import EventLog
from components.train.journal import Journal
from components.train.lease import Lease
from components.train.loop import Loop
from components.train.optimizer import learning_rate
from components.train.processes import from_first
from components.train.saving import Saver
from components.train.state import BEST, JOURNAL, load_state, save_finished, save_state
from components.train.stop import StopOnSigterm
from components.train.tracking import Tracker

log = logging.getLogger("evertune.train")


class Session:
    """Runs a loop and its checkpoints.

    Args:
        config: The options.
        loop: The model in training, at its beginning.
        checkpoints: Those of this training.
        lease: The right to write them; the first process has it.
        work: Directory in which they are staged.
        trackers: Experiment trackers; the first process has them.
    """

    def __init__(
        self,
        config: Config,
        loop: Loop,
        checkpoints: Checkpoints,
        lease: Lease | None,
        work: Path,
        trackers: Sequence[Tracker] = (),
    ) -> None:
        self.config, self.loop, self.checkpoints, self.work = config, loop, checkpoints, work
        self._trackers = trackers
        self._lease = lease
        self._main = loop.accelerator.is_main_process
        self._saver = Saver(checkpoints, lease, work, config.checkpoint_seconds) if lease else None

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
            events = self._open_log(stack) if self._main else None
            if not finished:
                if self._saver:
                    stack.enter_context(self._saver)
                self._train(events, stack.enter_context(StopOnSigterm(alone)))
                self.loop.journal.secret = ""
                self._save_last(finished=True)
            if self.loop.private:
                self.loop.private.detach()
        return self.loop.journal

    def _open_log(self, stack: ExitStack) -> EventLog:
        # The log replaces its directory, in which a tracker may write: it is opened first.
        events = stack.enter_context(EventLog(self.config.logs, self.loop.journal, self._trackers))
        for tracker in self._trackers:
            stack.enter_context(tracker)
        return events

    def _train(self, events: EventLog | None, stop: StopOnSigterm) -> None:
        loop = self.loop
        loop.fit_memory()
        loop.validate_before(stop)
        with Progress("training", loop.plan.total_steps, "steps", done=loop.journal.step) as progress:
            while True:
                loop.validate_if_due(events, stop)
                self._save_if_due()
                if stop.agreed:
                    self._stop()
                if loop.finished:
                    return
                loss = loop.step(events, stop)
                if self._lease:
                    progress.advance(note="" if loop.private else f"loss {loss:.4f}")
                    told = {} if loop.private else {"loss": loss}
                    self._lease.facts = self._facts() | told | _speed(progress, loop.plan.total_steps)

    def _resume(self) -> bool:
        """Goes back to the newest checkpoint; says whether it is that of a finished training."""
        with tempfile.TemporaryDirectory(dir=self.work) as directory:
            staged = Path(directory)
            name = from_first(self.checkpoints.load_newest(staged) if self._main else "")
            if not name:
                return False
            if not self._main:
                self.checkpoints.load(name, staged)
            self.loop.journal = Journal.from_json((staged / JOURNAL).read_bytes())
            if (staged / BEST).exists():
                (staged / BEST).replace(self.loop.best)
            finished: bool = name.endswith(FINISHED)
            if not finished:
                load_state(staged, self.loop.bare_model, self.loop.optimizer)
        if self._saver:
            step = self.loop.journal.step
            self._saver.goes_on_after(step)
            log.info("going on after step %d, from checkpoint %s/%s", step, self.checkpoints.key, name)
        return finished

    def _save_if_due(self) -> None:
        step, every = self.loop.journal.step, self.config.checkpoint_steps
        by_step = every > 0 and step % every == 0
        if self._agree(self._due(by_step)):
            self.loop.gather()
            if self._saver:
                self._saver.save(step, self._stage, self._facts(), wait=by_step)

    def _due(self, by_step: bool) -> bool:
        """Whether the first process saves now."""
        saver = self._saver
        if saver is None:
            return False
        saver.settle()
        return self.loop.journal.step != saver.begun_step and not self.loop.finished and (by_step or saver.due)

    def _agree(self, due: bool) -> bool:
        """What the first process decides; it needs the others to save a sharded model."""
        return bool(from_first(due)) if self.loop.sharded else due

    def _save_last(self, *, finished: bool = False) -> None:
        if not finished:
            self.loop.gather()
        if self._saver:
            stage = self._stage_finished if finished else self._stage
            self._saver.save_last(self.loop.journal.step, stage, self._facts(), finished=finished)

    def _stage(self, directory: Path) -> None:
        loop = self.loop
        loop.check_weights()
        assert loop.whole is not None, "the first process has gathered"
        save_state(directory, loop.whole, loop.optimizer_state, loop.journal, loop.best)

    def _stage_finished(self, directory: Path) -> None:
        save_finished(directory, self.loop.journal, self.loop.best)

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
        self._save_last()
        reached = f"step {step} is saved" if step else "before the first step"
        raise Terminated(f"stopped by SIGTERM, {reached}", where="train", remedy="run again to go on")


def _speed(progress: Progress, total: int) -> dict[str, float]:
    """Steps in a second since this process began, and how long the rest takes at that."""
    rate = (progress.done - progress.before) / max(time.monotonic() - progress.started, 1e-9)
    return {"steps_per_second": rate, "seconds_left": (total - progress.done) / max(rate, 1e-9)}
