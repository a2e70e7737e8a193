"""What nothing names any more in the stores, told first and deleted on request only.

Kept are: the objects of every dataset revision, every model of a champion's history, the newest
checkpoint keys and those of a running training, and whatever is younger than a given age, for it may
belong to a writer whose pointer is still to come.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.shared import champions, dvc_remote, registry
from components.shared.commands import Deadline
from components.shared.directory_store import Entry
from components.shared.errors import DamagedError, UserError
from components.shared.objects import ObjectStore, open_store

LEASE: Final = "lease-"
COMPLETE: Final = "complete.json"
FOUND: Final = ("found.json", "found.zip", "shard.sha256")
"""Names of what is written last of a reading, of a cleaned shard, and of a shard of cleaned rows."""


@dataclass(frozen=True)
class Garbage:
    """Objects that belong together and that nothing names.

    Attributes:
        kind: `dataset objects`, `model`, `predictions`, `checkpoints`, ...
        name: What they are.
        size: Bytes of all of them.
        delete: Deletes them, unless something names them by now; says whether it did.
    """

    kind: str
    name: str
    size: int
    delete: Callable[[], bool]


def dataset_objects(address: str, others: Iterable[str], age: float) -> list[Garbage]:
    """The DVC objects that no revision names, if there are any.

    Args:
        address: The registry, which knows its remote.
        others: Other registries, which may keep their bytes in the same remote.
        age: Seconds that an object is kept after it was written; longer than a writer may take.

    Raises:
        UserError: if a list of files is lost, for then nobody knows what its revision names.
    """
    addresses = [address, *others]
    url = _remote(address)
    store = open_store(url)
    old = _older(store.entries(f"{dvc_remote.OBJECTS}/"), age)
    kept = _named_by_revisions(addresses, url)
    unnamed = [entry for entry in old if entry.key not in kept]

    def delete() -> bool:
        named_by_now = _named_by_revisions(addresses, url)
        # A list of files goes first: DVC takes it as proof that all files are there.
        for entry in sorted(unnamed, key=lambda entry: not entry.key.endswith(".dir")):
            if entry.key not in named_by_now:
                store.delete(entry.key)
        return True

    return [Garbage("dataset objects", f"{len(unnamed)} in {url}", _size(unnamed), delete)] if unnamed else []


def models(store: ObjectStore, age: float) -> list[Garbage]:
    """The models that no record of any champion's history names."""
    found = _grouped(store.entries("models/"), re.compile(r"models/[0-9a-f]{64}"))
    kept = _named_by_champions(store)

    def delete(prefix: str, entries: list[Entry]) -> Callable[[], bool]:
        def delete_unless_named() -> bool:
            complete = f"{prefix}/{COMPLETE}"
            record = store.get(complete)
            store.delete(complete)  # from here on a promotion uploads the model again
            if prefix.removeprefix("models/") in _named_by_champions(store):
                if record is not None:
                    store.put(complete, record)
                return False
            for entry in entries:
                store.delete(entry.key)
            return True

        return delete_unless_named

    return [
        Garbage("model", prefix.removeprefix("models/"), _size(entries), delete(prefix, entries))
        for prefix, entries in found.items()
        if prefix.removeprefix("models/") not in kept and _all_old(entries, age)
    ]


def predictions(store: ObjectStore, age: float) -> list[Garbage]:
    """What models that no champion's history names once said of test rows; it can be computed again."""
    found = _grouped(store.entries("predictions/"), re.compile(r"predictions/[0-9a-f]{64}"))
    kept = _named_by_champions(store)

    def delete(entries: list[Entry]) -> Callable[[], bool]:
        def delete_all() -> bool:
            for entry in entries:
                store.delete(entry.key)
            return True

        return delete_all

    return [
        Garbage("predictions", prefix.removeprefix("predictions/"), _size(entries), delete(entries))
        for prefix, entries in found.items()
        if prefix.removeprefix("predictions/") not in kept and _all_old(entries, age)
    ]


def kept_work(store: ObjectStore, age: float) -> Iterator[Garbage]:
    """What `ingest` and `clean` keep of files and shards; without it these are read and cleaned again."""
    for kind in ("readings", "cleanings"):
        yield from _older_than(store, kind, age)


def _older_than(store: ObjectStore, kind: str, age: float) -> list[Garbage]:
    groups = _grouped(store.entries(f"{kind}/"), re.compile(rf"{kind}/[^/.]+"), ends="/.")
    old = [entry for entries in groups.values() if _all_old(entries, age) for entry in entries]

    def delete() -> bool:
        # What says that the others are there goes first.
        for entry in sorted(old, key=lambda entry: not entry.key.endswith(FOUND)):
            store.delete(entry.key)
        return True

    return [Garbage(kind, f"{len(old)} in {store.uri}", _size(old), delete)] if old else []


def checkpoints(store: ObjectStore, keep: int, age: float) -> list[Garbage]:
    """The checkpoint keys but the newest `keep` and those whose training runs."""
    found = _grouped(store.entries(), re.compile(r"[0-9a-f]{32}"))
    newest = sorted(found, key=lambda key: max(entry.modified for entry in found[key]), reverse=True)

    def delete(key: str, entries: list[Entry]) -> Callable[[], bool]:
        def delete_unless_leased() -> bool:
            if _leased(store, key):
                return False
            for entry in sorted(entries, key=lambda entry: not entry.key.endswith(COMPLETE)):
                store.delete(entry.key)
            return True

        return delete_unless_leased

    return [
        Garbage("checkpoints", key, _size(found[key]), delete(key, found[key]))
        for key in newest[keep:]
        if _all_old(found[key], age) and not _leased(store, key)
    ]


def _remote(address: str) -> str:
    """Where a registry keeps its bytes."""
    with tempfile.TemporaryDirectory(prefix="evertune-registry-") as place:
        registry.clone(address, Path(place, "clone"), Deadline(registry.READ_SECONDS))
        return dvc_remote.remote_url(Path(place, "clone"))


def _named_by_revisions(addresses: Iterable[str], url: str) -> set[str]:
    """The keys of all objects of all revisions that keep them in this remote."""
    kept, store = set(), open_store(url)
    for address in addresses:
        for one in registry.revisions(address) if _remote(address) == url else ():
            try:
                files = dvc_remote.listing(store, one.dvc_md5)
            except DamagedError as error:
                raise UserError(
                    f"{one.revision}: {error.what}, so what it names is unknown",
                    where=address,
                    remedy="run `evertune datasets repair` first",
                ) from error
            kept |= {dvc_remote.object_key(md5) for md5 in (one.dvc_md5, *files.values())}
    return kept


def _named_by_champions(store: ObjectStore) -> set[str]:
    names = {key.split("/")[1] for key in store.keys("champions/")}
    return {record.digest for name in names for record in champions.history(store, name)}


def _leased(store: ObjectStore, key: str) -> bool:
    """Whether a training holds the key, as far as its lease says."""
    for lease in store.keys(f"{key}/{LEASE}"):
        try:
            if json.loads(store.get(lease) or b"{}").get("until", 0) > time.time():
                return True
        except (ValueError, AttributeError, TypeError):
            return True
    return False


def _grouped(entries: Iterable[Entry], prefix: re.Pattern[str], ends: str = "/") -> dict[str, list[Entry]]:
    """Entries by the beginning of their keys, which ends before one of `ends`; others are none of ours."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        match = prefix.match(entry.key)
        if match and entry.key[match.end() : match.end() + 1] in tuple(ends):
            groups.setdefault(match[0], []).append(entry)
    return groups


def _older(entries: Iterable[Entry], age: float) -> list[Entry]:
    return [entry for entry in entries if time.time() - entry.modified >= age]


def _all_old(entries: list[Entry], age: float) -> bool:
    return len(_older(entries, age)) == len(entries)


def _size(entries: Iterable[Entry]) -> int:
    return sum(entry.size for entry in entries)
