"""Other trainings in the store of the checkpoints: told before one begins anew that was meant to go on.

The key of a checkpoint says whether another training is this one but for its options: then the key of this training
with those options is the same.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.objects import ObjectStore
from components.train.checkpoints import COMPLETE
from components.train.config import Config
from components.train.identity import PLACEMENT, checkpoint_key, options

log = logging.getLogger("evertune.train")
MOST: Final = 20
"""So many other trainings are looked at, the newest first."""


@dataclasses.dataclass(frozen=True)
class Other:
    """The newest checkpoint of another training.

    Attributes:
        key: Its identity.
        step: Steps done.
        finished: Whether it is finished.
        changed: Options that decide the numbers and differ: theirs, by name.
        same: Whether nothing but these options differs.
    """

    key: str
    step: int
    finished: bool
    changed: Mapping[str, Any]
    same: bool


def tell_others(store: ObjectStore, config: Config, digest: str, pin: str) -> None:
    """Says what the newest other training in the store was made with, if this one has no checkpoint yet.

    Args:
        store: The checkpoints of all trainings.
        config: The options of this one.
        digest: Of its dataset.
        pin: Of its base model.

    Raises:
        UserError: if an unfinished one is this one but for the number of processes.
    """
    own = checkpoint_key(config, digest, pin)
    if any(key.endswith(f"/{COMPLETE}") for key in store.keys(f"{own}/")):
        return
    others = list(_others(store, config, digest, pin))
    for other in others:
        if other.same and not other.finished and set(other.changed) == {"world_size"}:
            raise UserError(
                f"this training has done {other.step} steps with world_size {other.changed['world_size']}, not "
                f"{config.world_size} ({other.key})",
                where="train.world_size",
                remedy=f"set it to {other.changed['world_size']} to go on, or give another `checkpoints` to begin anew",
            )
    for other in others:
        if other.same and not other.finished:
            log.warning(
                "a new training: the checkpoint of step %d is not used, %s", other.step, _differs(other, config)
            )
            return
    if others:
        log.info("a new training: of the others here the newest, %s", _differs(others[0], config))


def _differs(other: Other, config: Config) -> str:
    told = ", ".join(f"{name} {value}, not {getattr(config, name)}" for name, value in other.changed.items())
    return f"{other.key} has {told or 'other data, base model, code or libraries'}"


def _others(store: ObjectStore, config: Config, digest: str, pin: str) -> Iterator[Other]:
    newest: dict[str, Any] = {}
    for entry in store.entries():
        key = entry.key.partition("/")[0]
        if entry.key.endswith(f"/{COMPLETE}") and (key not in newest or entry.modified > newest[key].modified):
            newest[key] = entry
    ordered = sorted(newest.values(), key=lambda entry: entry.modified, reverse=True)
    for entry in ordered[:MOST]:
        try:
            record = json.loads(store.get(entry.key) or b"")
            yield _other(record, config, digest, pin)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # half deleted, or not ours: there is nothing to tell of it


def _other(record: Mapping[str, Any], config: Config, digest: str, pin: str) -> Other:
    own = {name: value for name, value in options(config).items() if name not in PLACEMENT}
    theirs = {name: record["options"].get(name) for name in own}
    try:
        same = checkpoint_key(dataclasses.replace(config, **theirs), digest, pin) == record["key"]
    except UserError:
        same = False  # options of another version
    changed = {name: value for name, value in theirs.items() if value != own[name]}
    return Other(record["key"], record["step"], record["finished"], changed, same)
