"""Writes the cleaned dataset; a shard with the same rows as one of an earlier run is taken from the object store.

cleanings/<key>/shard.parquet    the file
cleanings/<key>/shard.sha256     its sha256, then the key; written behind it

The key names the rows by their ids, the columns, and what else decides about the bytes of the file: not the options,
for these decide which rows there are. Either object may be deleted at any time; what is damaged is written again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from components.clean.known_parts import PREFIX, UNUSABLE
from components.shared import datasets, shard_files
from components.shared.datasets import DatasetWriter
from components.shared.errors import DamagedError, RetryError, UserError
from components.shared.files import sha256_of
from components.shared.manifest import Columns
from components.shared.objects import ObjectStore, open_store

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger("evertune.clean")
FILE, SHA256 = "shard.parquet", "shard.sha256"


class KeptShardsWriter(DatasetWriter):
    """Takes the files of shards from a store where they are there, and keeps the others.

    Args:
        directory: An existing, empty directory.
        columns: The schema without `id`.
        store: Where files are kept; without one all are written.
    """

    def __init__(self, directory: Path, columns: Columns, store: str) -> None:
        super().__init__(directory, columns)
        self._store: ObjectStore | None = open_store(store) if store else None
        self._recipe = _recipe(columns)

    def write_file(self, table: pa.Table, ids: bytes, path: Path) -> str:
        """Puts the rows of a shard, which have these ids, into a file; gives its sha256."""
        if not self._store:
            return super().write_file(table, ids, path)
        key = f"{PREFIX}/{hashlib.sha256(self._recipe + ids).hexdigest()[:40]}"
        if sha256 := _taken(self._store, key, path):
            return sha256
        sha256 = super().write_file(table, ids, path)
        _keep(self._store, key, path, sha256)
        return sha256


def _taken(store: ObjectStore, key: str, path: Path) -> str:
    """Puts a kept file at a path and gives its sha256; empty if there is none, or none that is whole."""
    try:
        record = store.get(f"{key}/{SHA256}")
        if record is None:
            return ""
        store.download(f"{key}/{FILE}", path)
        sha256 = sha256_of(path)
        if record == _record(sha256, key):
            return sha256
        raise DamagedError("is not what was kept", where=f"{key}/{FILE}", remedy="nothing has to be done")
    except UNUSABLE as error:
        log.warning("%s is written again: %s", path.name, error)
        path.unlink(missing_ok=True)
        return ""


def _keep(store: ObjectStore, key: str, path: Path, sha256: str) -> None:
    try:
        store.upload(path, f"{key}/{FILE}")
        store.put(f"{key}/{SHA256}", _record(sha256, key))
    except (UserError, RetryError, OSError) as error:
        log.warning("%s will be written again next time: %s", path.name, error)


def _record(sha256: str, key: str) -> bytes:
    return f"{sha256} {key}\n".encode()


def _recipe(columns: Columns) -> bytes:
    """Names all that decides about the bytes of a file besides its rows."""
    digest = hashlib.sha256(json.dumps([columns, version("pyarrow")]).encode())
    for module in (datasets, shard_files):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.digest()
