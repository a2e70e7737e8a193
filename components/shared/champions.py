"""Champions: which model is in use, as an append-only history of small records. Standard library only.

    champions/<model name>/<sequence>.json     one record for each promotion or rollback

A record is written only if there is none with its number, so of two writers exactly one wins and the
history never changes. It names a model by its digest (see `models`).
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.models import canonical_json, files_of_model
from components.shared.objects import ObjectStore

PROMOTION: Final = "promotion"
ROLLBACK: Final = "rollback"
_MODEL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.))*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Champion:
    """One record of the history.

    Attributes:
        sequence: Its number, from 1 on; `append` sets it, and `previous`.
        model_name: Name of the line of models.
        digest: The model digest.
        kind: PROMOTION or ROLLBACK.
        reason: Why the champion moved.
        metrics: The model's metrics when it was promoted.
        dataset: Name of the dataset it was trained on; with its revision and digest.
        previous: Identity of the champion before it; empty for the first.
        time: When the record was made, in UTC.
        lineage: The model's `lineage.json`.
    """

    model_name: str
    digest: str
    kind: str
    reason: str
    metrics: Mapping[str, float]
    dataset: str
    dataset_revision: str
    dataset_digest: str
    lineage: Mapping[str, Any]
    time: str
    sequence: int = 0
    previous: str = ""

    @property
    def identity(self) -> str:
        """What `resolve` passes on: the number and the beginning of the model digest."""
        return f"{self.sequence:06d}-{self.digest[:16]}"


def current(store: ObjectStore, model_name: str) -> Champion | None:
    """The newest record, or None if no model was promoted yet.

    Raises:
        UserError: if the name is none, or a record is missing or cannot be read.
    """
    count = _count(store, model_name)
    return _read(store, model_name, count) if count else None


def history(store: ObjectStore, model_name: str) -> list[Champion]:
    """All records, the oldest first; raises UserError like `current`."""
    return [_read(store, model_name, number) for number in range(1, _count(store, model_name) + 1)]


def at(store: ObjectStore, model_name: str, identity: str) -> Champion:
    """The record with this identity; raises UserError if there is none."""
    number, _, digest = identity.partition("-")
    if number.isdecimal() and digest:
        champion = _read(store, model_name, int(number))
        if champion.identity == identity:
            return champion
    raise UserError(
        f"{identity!r} is no champion of {model_name}", where=store.uri, remedy="run `resolve` again to look it up"
    )


def append(store: ObjectStore, model_name: str, record: Champion, after: Champion | None) -> Champion | None:
    """Makes `record` the champion, if `after` (None: no model) still is.

    Returns:
        The record as written, or None if another writer was first.
    """
    written = dataclasses.replace(
        record,
        model_name=model_name,
        sequence=after.sequence + 1 if after else 1,
        previous=after.identity if after else "",
    )
    key = _key(model_name, written.sequence)
    return written if store.put_new(key, canonical_json(dataclasses.asdict(written))) else None


def rollback(store: ObjectStore, model_name: str, to: int | None, reason: str) -> Champion:
    """Makes an earlier model the champion again, as a new record.

    Args:
        store: Where champions and models are.
        model_name: Name of the line of models.
        to: Number of the record whose model comes back; None takes the model used before the current one.
        reason: Why, for the history.

    Raises:
        UserError: if there is no such record, or its model is in use already or not complete in the store.
    """
    records = history(store, model_name)
    target = _rollback_target(records, model_name, to)
    files_of_model(store, target.digest)
    record = dataclasses.replace(
        target, kind=ROLLBACK, reason=f"back to record {target.sequence}: {reason}", time=utc_now()
    )
    written = append(store, model_name, record, records[-1])
    if written is None:
        raise UserError("the champion moved meanwhile", where=model_name, remedy="look at the history and run again")
    return written


def withdrawn(records: Sequence[Champion], digest: str) -> Champion | None:
    """The record by which a person last took this model out of use, or None."""
    for before, after in reversed(list(pairwise(records))):
        if digest == after.digest:
            return None
        if digest == before.digest and after.kind == ROLLBACK:
            return after
    return None


def utc_now() -> str:
    """The time for a record, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _rollback_target(records: list[Champion], model_name: str, to: int | None) -> Champion:
    if to is not None:
        found = [record for record in records if record.sequence == to]
    else:
        found = [record for record in records if record.digest != records[-1].digest][-1:]
    if not found:
        wanted = "earlier model" if to is None else f"record {to}"
        raise UserError(
            f"there is no {wanted} to go back to", where=model_name, remedy="look at `evertune models history`"
        )
    if found[0].digest == records[-1].digest:
        raise UserError(f"the model of record {to} is the champion already", where=model_name)
    return found[0]


def _count(store: ObjectStore, model_name: str) -> int:
    if model_name and not _MODEL_NAME.fullmatch(model_name):  # it stands in keys
        raise UserError(
            f"{model_name!r} is not a name", where="model_name", remedy="use letters, digits, `-`, `_` and `.`"
        )
    keys = store.keys(f"champions/{model_name}/")
    for number, key in enumerate(keys, start=1):
        if key != _key(model_name, number):
            raise UserError(
                f"record {_key(model_name, number)} is missing",
                where=store.uri,
                remedy=f"bring it back from a backup; there is {key}",
            )
    return len(keys)


def _read(store: ObjectStore, model_name: str, sequence: int) -> Champion:
    key = _key(model_name, sequence)
    data = store.get(key)
    if data is None:
        raise UserError("no such champion", where=f"{store.uri}/{key}", remedy="look at `evertune models history`")
    try:
        champion = Champion(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise UserError(
            f"unreadable record ({error})", where=f"{store.uri}/{key}", remedy="bring it back from a backup"
        ) from error
    return champion


def _key(model_name: str, sequence: int) -> str:
    return f"champions/{model_name}/{sequence:06d}.json"
