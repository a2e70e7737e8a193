"""Bounds calls that could hang: each runs in a thread that is left behind when its time is over."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, NoReturn, TypeVar

from components.shared.errors import RetryError

T = TypeVar("T")
_left_behind: Final[list[threading.Thread]] = []


def within(seconds: float, where: str, call: Callable[[], T]) -> T:
    """The result of `call`, which may raise anything.

    Args:
        seconds: Longest time. A timeout of a socket is no bound: a server that sends a byte now and then meets it.
        where: What it talks to, for the error.
        call: What to do.

    Raises:
        RetryError: if it is not done in time. It may go on until the process ends; see `leave`.
    """
    outcome: Future[T] = Future()
    worker = threading.Thread(target=_settle, args=(outcome, call), daemon=True)
    worker.start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if outcome.done():  # the call's own
            raise
        _left_behind.append(worker)
        raise RetryError(
            f"not done after {seconds:g} seconds",
            where=where,
            remedy="check that the store answers, raise the deadline if there is much to transfer, run again",
        ) from None


def leave(code: int) -> NoReturn:
    """Ends the process; a call that was left behind cannot keep it."""
    if any(worker.is_alive() for worker in _left_behind):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _settle(outcome: Future[T], call: Callable[[], T]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as error:
        outcome.set_exception(error)
