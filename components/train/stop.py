"""A polite stop: SIGTERM lets the running step finish, so that its result can be saved."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

log = logging.getLogger("evertune.train")


class StopOnSigterm:
    """While the block runs, SIGTERM only sets a flag; the handler before it comes back afterwards.

    Args:
        alone: Whether no other process must agree.

    Attributes:
        requested: Whether this process received SIGTERM.
        agreed: Whether the training stops after the present step.
    """

    def __init__(self, alone: bool) -> None:
        self.requested = self.agreed = False
        self._alone = alone
        self._before: Any = None

    def __enter__(self) -> StopOnSigterm:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._request)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _request(self, signum: int, frame: FrameType | None) -> None:
        self.requested, self.agreed = True, self._alone
        log.info("SIGTERM: finishing the step, then saving")
