"""Checkpoints on the way: staged by the training, then hashed, uploaded and committed by one thread beside it."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

from components.shared.errors import EvertuneError, RetryError, of_storage
from components.train.checkpoints import Checkpoints
from components.train.lease import Lease, LeaseLost

log = logging.getLogger("evertune.train")


@dataclass(frozen=True)
class Upload:
    """A checkpoint on its way.

    Attributes:
        step: What it holds.
        time: When the training was there.
        seconds: How long it took, when it is done.
    """

    step: int
    time: float
    seconds: Future[float] = field(default_factory=Future)


class Saver:
    """Saves a training so that never more than one interval of it has to be repeated; one upload at a time.

    The next upload begins before the interval is over, earlier by what the last one took. If it still runs when the
    newest complete checkpoint is a whole interval old, the training waits for it. An upload that takes longer than the
    interval would be waited for anyway; beginning it early would only save less.

    Args:
        checkpoints: Those of this training.
        lease: The right to write them.
        work: Directory in which they are staged.
        seconds: The interval; 0 saves nothing by time. Time in which the training waits does not count.

    Attributes:
        begun_step: Step of the last save that was begun, or that the training goes on from.
        saved_step: Step of the newest complete checkpoint.
    """

    def __init__(self, checkpoints: Checkpoints, lease: Lease, work: Path, seconds: float) -> None:
        self._checkpoints, self._lease, self._work, self._seconds = checkpoints, lease, work, seconds
        self._upload: Upload | None = None
        self._waited, self._took = 0.0, seconds / 2  # a guess: half an interval for the first upload
        self._saved_time = self._now()
        self.begun_step = self.saved_step = 0

    def __enter__(self) -> Saver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What is on its way arrives, unless a person breaks off; without the lease it is not committed then."""
        if self._upload and kind and issubclass(kind, Exception):
            failure = self._upload.seconds.exception()
            if failure:
                log.warning("step %d is not saved: %s", self._upload.step, failure)

    def goes_on_after(self, step: int) -> None:
        """Takes note of the checkpoint that the training goes on from."""
        self.begun_step = self.saved_step = step

    @property
    def due(self) -> bool:
        """Whether a save should begin now, to be complete in time."""
        early = self._took if self._took < self._seconds else 0.0
        return self._seconds > 0 and self._upload is None and self._age >= self._seconds - early

    def save(self, step: int, stage: Callable[[Path], None], facts: Mapping[str, Any], *, wait: bool) -> None:
        """Saves a step if the store lets it; if not, the training goes on and the next one is tried when it is due.

        Args:
            step: Steps done.
            stage: Writes the state to a directory.
            facts: What is told of it (see `status`).
            wait: Whether it must be complete before the training goes on.
        """
        self.settle(wait=True)
        try:
            self._begin(step, stage, facts)
        except RetryError as error:
            self._tell(step, error)
        self.settle(wait=wait)

    def save_last(
        self, step: int, stage: Callable[[Path], None], facts: Mapping[str, Any], *, finished: bool = False
    ) -> None:
        """Saves the step at which this process ends; raises RetryError with what is saved if that is not possible."""
        self.settle(wait=True)
        if step == self.saved_step and not finished:
            return
        try:
            self._begin(step, stage, facts, finished=finished)
            self._end()
        except LeaseLost:
            raise
        except RetryError as error:
            saved = f"step {self.saved_step} is" if self.saved_step else "no step is"
            raise RetryError(
                f"step {step} is not saved: {error.what}; {saved} saved in "
                f"{self._checkpoints.store.uri}/{self._checkpoints.key}",
                where=error.where,
                remedy=error.remedy,
            ) from error

    def settle(self, *, wait: bool = False) -> None:
        """Takes note of an upload that has ended; waits for one whose time is over, or for any.

        Raises:
            LeaseLost: if another process took over.
            UserError: if the store refuses what was asked.
        """
        upload = self._upload
        overdue = self._seconds > 0 and self._age >= self._seconds
        if upload and (wait or overdue or upload.seconds.done()):
            try:
                self._end()
            except LeaseLost:
                raise
            except RetryError as error:
                self._tell(upload.step, error)

    def _begin(
        self, step: int, stage: Callable[[Path], None], facts: Mapping[str, Any], *, finished: bool = False
    ) -> None:
        self.begun_step, upload = step, Upload(step, self._now())
        directory = Path(tempfile.mkdtemp(dir=self._work))
        try:
            stage(directory)
        except OSError as error:
            shutil.rmtree(directory)
            raise of_storage(error) or error from error
        arguments = (upload, directory, facts, finished)
        self._upload = upload
        threading.Thread(target=self._run, args=arguments, daemon=True).start()

    def _run(self, upload: Upload, directory: Path, facts: Mapping[str, Any], finished: bool) -> None:
        began = monotonic()
        try:
            try:
                self._lease.check()
                self._checkpoints.save(
                    upload.step, directory, finished=finished, facts=facts, before_commit=self._lease.check
                )
            finally:
                shutil.rmtree(directory, ignore_errors=True)
        except OSError as error:
            upload.seconds.set_exception(of_storage(error) or error)
        except BaseException as error:
            upload.seconds.set_exception(error)
        else:
            upload.seconds.set_result(monotonic() - began)

    def _end(self) -> None:
        """Waits for the upload, and raises what it raised."""
        upload, self._upload = self._upload, None
        assert upload is not None
        began = monotonic()
        try:
            self._took = upload.seconds.result()
        finally:
            self._waited += monotonic() - began
        self.saved_step, self._saved_time = upload.step, upload.time

    def _tell(self, step: int, error: EvertuneError) -> None:
        log.warning("step %d is not saved, training goes on: %s", step, error.line)
        self._saved_time = self._now()

    @property
    def _age(self) -> float:
        """Time since the state that the newest complete checkpoint holds, or since the last try that failed."""
        return self._now() - self._saved_time

    def _now(self) -> float:
        """Seconds of training."""
        return monotonic() - self._waited
