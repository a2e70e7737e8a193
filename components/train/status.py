"""What can be told of trainings from the store of their checkpoints alone, also while they run elsewhere.

A running training renews its lease every quarter of a minute, and its position stands in there; one that stopped or
finished left its last checkpoint. Standard library only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from components.shared.directory_store import Entry
from components.shared.objects import ObjectStore

RUNNING: Final = "running"
STOPPED: Final = "stopped"
FINISHED: Final = "finished"
_COMPLETE: Final = "/complete.json"
_JOURNAL: Final = "journal.json"


@dataclass(frozen=True)
class Training:
    """A training as its checkpoints tell it.

    Attributes:
        key: Its identity.
        state: RUNNING, STOPPED or FINISHED. One whose lease ended without a word counts as stopped.
        holder: Who runs it; empty when nobody does.
        facts: `step`, and what else is known of `total_steps`, `loss`, `learning_rate`, `steps_per_second`,
            `seconds_left`, `task`, `dataset` and `revision`.
        checkpoint_step: Step of the last complete checkpoint; None before the first.
        checkpoint_time: When that was written, in seconds since 1970.
        seen: When it last gave a sign of life.
    """

    key: str
    state: str
    holder: str
    facts: Mapping[str, Any]
    checkpoint_step: int | None
    checkpoint_time: float
    seen: float


def trainings(store: ObjectStore) -> list[Training]:
    """All trainings with checkpoints or a lease in a store, the one that was seen last first."""
    entries: dict[str, list[Entry]] = {}
    for entry in store.entries():
        entries.setdefault(entry.key.partition("/")[0], []).append(entry)
    found = [_training(store, key, own) for key, own in entries.items()]
    return sorted(found, key=lambda one: one.seen, reverse=True)


def _training(store: ObjectStore, key: str, entries: list[Entry]) -> Training:
    complete = max((entry for entry in entries if entry.key.endswith(_COMPLETE)), key=lambda e: e.key, default=None)
    record = _read(store, complete.key) if complete else {}
    facts = {"step": record.get("step", 0), **record.get("facts", {})}
    if complete:
        facts |= _last_point(store, complete.key.removesuffix(_COMPLETE))
    lease = _read(store, max((entry.key for entry in entries if "/lease-" in entry.key), default=""))
    running = lease.get("until", 0.0) > time.time()
    state = RUNNING if running else FINISHED if record.get("finished") else STOPPED
    return Training(
        key=key,
        state=state,
        holder=f"process {lease.get('pid', '?')} on {lease.get('host', '?')}" if running else "",
        facts=facts | (lease.get("facts", {}) if running else {}),
        checkpoint_step=record.get("step"),
        checkpoint_time=complete.modified if complete else 0.0,
        seen=max(entry.modified for entry in entries),
    )


def _last_point(store: ObjectStore, checkpoint: str) -> dict[str, Any]:
    history = _read(store, f"{checkpoint}/{_JOURNAL}").get("history") or [{}]
    return {name: history[-1][name] for name in ("loss", "learning_rate") if name in history[-1]}


def _read(store: ObjectStore, key: str) -> dict[str, Any]:
    """An object's JSON; empty for one that is gone or damaged: it is only told about."""
    try:
        read = json.loads(store.get(key) or b"{}") if key else {}
    except ValueError:
        read = {}
    return read if isinstance(read, dict) else {}
