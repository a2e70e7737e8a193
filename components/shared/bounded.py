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
_running = threading.local()


def within(seconds: float, where: str, call: Callable[[], T]) -> T:
    """The result of `call`, which may raise anything.

    Args:
        seconds: Longest time. A timeout of a socket is no bound: a server that sends a byte now and then meets it.
        where: What it talks to, for the error.
        call: What to do.

    Raises:
        RetryError: if it is not done in time. What it waits for may keep it until the process ends; see `leave`.
    """
    outcome: Future[T] = Future()
    over = threading.Event()
    worker = threading.Thread(target=_settle, args=(outcome, call, over), daemon=True)
    worker.start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if outcome.done():  # the call's own
            raise
        over.set()
        _left_behind.append(worker)
        raise RetryError(
            f"not done after {seconds:g} seconds",
            where=where,
            remedy="check that the store answers, raise the deadline if there is much to transfer, run again",
        ) from None


def given_up() -> bool:
    """Whether the call that this thread works for was left behind; it must begin nothing new then."""
    over: threading.Event | None = getattr(_running, "over", None)
    return over is not None and over.is_set()


def leave(code: int) -> NoReturn:
    """Ends the process; a call that was left behind cannot keep it."""
    if any(worker.is_alive() for worker in _left_behind):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _settle(outcome: Future[T], call: Callable[[], T], over: threading.Event) -> None:
    _running.over = over
    try:
        outcome.set_result(call())
    except BaseException as error:
        outcome.set_exception(error)
