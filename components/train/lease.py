"""One writer at a time: a lease is an object that its holder renews; one that is not renewed can be taken over.

Each taker writes the next number with `put_new`, of which exactly one succeeds; the greatest number holds.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

from components.shared.errors import EvertuneError, RetryError
from components.shared.objects import ObjectStore

log = logging.getLogger("evertune.train")


class LeaseLost(RetryError):
    """Another writer has taken the lease over."""


class Lease:
    """Held while the block runs, and renewed by a thread.

    Args:
        store: Where the checkpoints are.
        key: Identity of the training.
        seconds: A lease that was not renewed for so long is stale.

    Attributes:
        facts: What is told of the training to those who read the lease (see `status`).

    Raises:
        RetryError: on entering, if another writer is alive.
    """

    def __init__(self, store: ObjectStore, key: str, seconds: float = 60.0) -> None:
        self._store, self._prefix, self._seconds = store, f"{key}/lease-", seconds
        pid = os.getpid()
        self._me = {"id": uuid.uuid4().hex, "host": socket.gethostname(), "pid": pid, "born": _born(pid)}
        self.facts: dict[str, Any] = {}
        self._own = ""
        self._ended = threading.Event()
        self._renewer = threading.Thread(target=self._renew_until_ended, daemon=True)

    def __enter__(self) -> Lease:
        while not self._own:
            newest, holder = self._newest()
            if holder:
                self._wait_for_the_end_of(newest, holder)
            self._try_to_take(newest)
        self._renewer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._renewer.join()
        try:
            if self._is_ours():
                self._store.delete(self._own)
        except EvertuneError as failure:
            log.warning("the lease could not be given back, it ends by itself: %s", failure.line)

    def check(self) -> None:
        """Raises LeaseLost if another writer has taken the lease over."""
        if not self._is_ours():
            _, holder = self._newest()
            raise LeaseLost(
                f"another training took over the checkpoints ({_who(holder)})",
                where=f"{self._store.uri}/{self._prefix}",
                remedy="wait for it to end, then run again",
            )

    def _newest(self) -> tuple[str, dict[str, Any]]:
        keys = self._store.keys(self._prefix)
        if not keys:
            return "", {}
        try:
            holder: dict[str, Any] = json.loads(self._store.get(keys[-1]) or b"{}")
        except ValueError:
            holder = {}
        return keys[-1], holder

    def _try_to_take(self, newest: str) -> None:
        number = int(newest.removeprefix(self._prefix) or 0) + 1
        key = f"{self._prefix}{number:010d}"
        if not self._store.put_new(key, self._record()):
            return
        keys = self._store.keys(self._prefix)
        if keys[-1] == key:
            self._own = key
        for other in keys:
            if other < keys[-1]:
                self._store.delete(other)

    def _wait_for_the_end_of(self, key: str, holder: dict[str, Any]) -> None:
        """Returns when the holder is dead or its lease has ended; raises RetryError when it renews it."""
        if holder.get("host") == self._me["host"]:
            if _born(holder["pid"]) != holder["born"]:
                return
            raise self._held_by(holder)
        left = holder.get("until", 0) - time.time()
        if left > 0:
            log.info("waiting %.0f s at most to see whether %s is alive", left, _who(holder))
        while holder.get("until", 0) > time.time():
            time.sleep(min(1.0, self._seconds / 10))
            now = json.loads(self._store.get(key) or b"{}")
            if now and now != holder:
                raise self._held_by(now)
            holder = now

    def _held_by(self, holder: dict[str, Any]) -> RetryError:
        return RetryError(
            f"the same training runs already ({_who(holder)})",
            where=f"{self._store.uri}/{self._prefix}",
            remedy="wait for it to end, then run again",
        )

    def _is_ours(self) -> bool:
        data = self._store.get(self._own)
        return data is not None and json.loads(data)["id"] == self._me["id"]

    def _record(self) -> bytes:
        return json.dumps({**self._me, "facts": self.facts, "until": time.time() + self._seconds}).encode()

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(self._seconds / 4):
            try:
                if not self._is_ours():
                    return
                self._store.put(self._own, self._record())
            except (EvertuneError, OSError, ValueError) as error:
                log.warning("the lease could not be renewed: %s", error)


def _born(pid: int) -> str:
    """When a process of this machine started, in ticks since boot; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _who(holder: dict[str, Any]) -> str:
    return f"process {holder.get('pid', '?')} on {holder.get('host', '?')}"
