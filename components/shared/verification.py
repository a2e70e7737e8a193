"""Proves every object of dataset revisions by its content, and heals objects from good copies.

An object is whole when its bytes have the md5 that DVC names it by and the sha256 of the committed
manifest. What DVC keeps besides the files, the list of their md5s, can be made again from the files.
Nothing is taken from a copy, and nothing written, that does not have the hashes of the revision.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from components.shared import dvc_remote, registry
from components.shared.commands import Deadline
from components.shared.copies import Copies
from components.shared.dvc_remote import DAMAGED, MISSING, WHOLE
from components.shared.errors import DamagedError, UserError
from components.shared.manifest import MANIFEST, parse_manifest
from components.shared.objects import open_store
from components.shared.registry import Revision

LIST: Final = "list of files"
"""Stands for the name of the object that holds the name and md5 of each file."""
HEALED: Final = "healed"


@dataclass(frozen=True)
class Finding:
    """What is known of one object of a revision.

    Attributes:
        revision: The tag.
        name: The file of the dataset that the object holds, or LIST.
        md5: What DVC knows it by; empty while that is unknown, for the list of files is lost.
        sha256: What the committed manifest says of it; empty for LIST.
        state: WHOLE, HEALED with the copy it came from, or what is wrong with it.
    """

    revision: str
    name: str
    md5: str
    sha256: str
    state: str

    @property
    def sound(self) -> bool:
        """Whether the remote holds the object's bytes."""
        return self.state == WHOLE or self.state.startswith(HEALED)


class Remote:
    """The objects of a remote, each read once."""

    def __init__(self, url: str) -> None:
        self.store = open_store(url)
        self._known: dict[str, tuple[str, str]] = {}
        self._by_sha256: dict[str, str] = {}

    def state(self, md5: str, sha256: str) -> str:
        """What is wrong with an object, or WHOLE; an unknown md5 (empty) is looked for by the sha256."""
        if not md5:
            return f"{MISSING} or {DAMAGED}: no object has its sha256 {sha256[:16]}…"
        state, found = self._read(md5)
        if state == WHOLE and sha256 and found != sha256:
            return f"{DAMAGED} (object {dvc_remote.object_key(md5)} is not what the manifest says)"
        return state

    def md5_of(self, sha256: str) -> str:
        """The md5 of the object with this sha256, empty if there is none; reads the whole remote when first asked."""
        if not self._by_sha256:
            for key in self.store.keys(f"{dvc_remote.OBJECTS}/"):
                md5 = "".join(key.split("/")[-2:])
                state, found = self._read(md5)
                if state == WHOLE:
                    self._by_sha256[found] = md5
        return self._by_sha256.get(sha256, "")

    def put(self, md5: str, data: bytes) -> str:
        """Writes an object and reads it again; returns its state."""
        self.store.put(dvc_remote.object_key(md5), data)
        self._known.pop(md5, None)
        return self._read(md5)[0]

    def _read(self, md5: str) -> tuple[str, str]:
        if md5 not in self._known:
            data, state = dvc_remote.read_object(self.store, md5)
            self._known[md5] = state, "" if data is None else hashlib.sha256(data).hexdigest()
        return self._known[md5]


def verify(address: str, revision: str | None = None) -> Iterator[Finding]:
    """Reads every object of a revision, or of all of them; nothing is changed.

    Args:
        address: The registry.
        revision: The tag; None means all.

    Raises:
        UserError: if there is no such registry or revision.
        RetryError: if the remote cannot be reached.
    """
    remote, revisions = _open(address, revision)
    for known, manifest in revisions:
        yield from _findings(known, remote, manifest)


def repair(address: str, revision: str | None, sources: Sequence[str]) -> Iterator[Finding]:
    """Heals what is missing or damaged and tells of each object, as `verify` does.

    Args:
        address: The registry.
        revision: The tag; None means all.
        sources: Where good copies may lie: directories of datasets, DVC caches, other stores.
    """
    copies = Copies(sources)
    remote, revisions = _open(address, revision)
    for known, manifest in revisions:
        listed, *files = _findings(known, remote, manifest)
        files = [_healed(one, remote, manifest, copies) for one in files]
        # The list comes last: DVC takes it as proof that all files are there.
        yield from (*files, _listed(listed, remote, {one.name: one.md5 for one in files}, copies))


def _open(address: str, revision: str | None) -> tuple[Remote, list[tuple[Revision, bytes]]]:
    """The remote of a registry, and its revisions with their manifests."""
    deadline = Deadline(registry.READ_SECONDS)
    with tempfile.TemporaryDirectory(prefix="evertune-registry-") as place:
        clone = Path(place, "clone")
        registry.clone(address, clone, deadline)
        known = registry.revisions_in(clone, None, deadline)
        chosen = [one for one in known if revision in (None, one.revision)]
        if not chosen:
            what = f"no revision {revision}" if revision else "no revision yet"
            raise UserError(what, where=address, remedy="see `evertune datasets list`")
        manifests = [registry.committed(clone, one.revision, MANIFEST, deadline) for one in chosen]
        return Remote(dvc_remote.remote_url(clone)), list(zip(chosen, manifests, strict=True))


def _findings(known: Revision, remote: Remote, manifest: bytes) -> list[Finding]:
    """The state of each object of a revision, that of the list of files first."""
    wanted = _sha256s(manifest)
    try:
        files, state = dvc_remote.listing(remote.store, known.dvc_md5), WHOLE
    except DamagedError as error:
        files, state = {name: remote.md5_of(sha256) for name, sha256 in wanted.items()}, error.what
        files[MANIFEST] = dvc_remote.md5_of(manifest)
    if state == WHOLE and files.keys() != wanted.keys():
        state = f"{DAMAGED}: its names are not those of the manifest"
    found = [Finding(known.revision, LIST, known.dvc_md5, "", state)]
    for name in sorted(wanted):
        md5, sha256 = files.get(name, ""), wanted[name]
        found.append(Finding(known.revision, name, md5, sha256, remote.state(md5, sha256)))
    return found


def _sha256s(manifest: bytes) -> dict[str, str]:
    shards = (shard for split in parse_manifest(json.loads(manifest)).splits.values() for shard in split)
    return {shard.file: shard.sha256 for shard in shards} | {MANIFEST: hashlib.sha256(manifest).hexdigest()}


def _healed(one: Finding, remote: Remote, manifest: bytes, copies: Copies) -> Finding:
    if one.sound:
        return one
    found = (manifest, "the registry") if one.name == MANIFEST else copies.find(one.name, one.md5, one.sha256)
    if found is None:
        return replace(one, state=f"{one.state}; no good copy")
    data, origin = found
    md5 = one.md5 or dvc_remote.md5_of(data)
    if dvc_remote.md5_of(data) != md5:
        return replace(one, state=f"{one.state}; the list of files names other bytes")
    return replace(one, md5=md5, state=_written(remote, md5, data, origin))


def _listed(one: Finding, remote: Remote, files: Mapping[str, str], copies: Copies) -> Finding:
    if one.sound:
        return one
    data, origin = dvc_remote.listing_bytes(files), "its files"
    if f"{dvc_remote.md5_of(data)}.dir" != one.md5:
        found = copies.find("", one.md5, "")
        if found is None:
            return replace(one, state=f"{one.state}; it cannot be made again without all files")
        data, origin = found
    return replace(one, state=_written(remote, one.md5, data, origin))


def _written(remote: Remote, md5: str, data: bytes, origin: str) -> str:
    state = remote.put(md5, data)
    return f"{HEALED} from {origin}" if state == WHOLE else f"{state} after it was written again from {origin}"
