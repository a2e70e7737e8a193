"""What was read of files before, kept in the object store: only new and changed files are read again.

readings/<key>/found.json    what was found in a file, and where in which shards its rows are, with a sha256 of itself
readings/<sha256>.parquet    a shard of the dataset

The key names the bytes of the file, its name, the options, the sources of this step and the library that writes shards.
A shard is kept once, whatever files its rows come from, and is a shard of the next dataset as it is. Any of it may be
deleted at any time; what is damaged or cannot be had is read again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

from components.ingest.config import Config
from components.ingest.rejects import Reject
from components.shared import datasets, records, shard_files
from components.shared.errors import EvertuneError, UserError
from components.shared.files import sha256_of
from components.shared.objects import ObjectStore, open_store
from components.shared.options import OPTION, fields_of
from components.shared.shard_files import StoredRows
from components.shared.source_files import SourceFile

log = logging.getLogger("evertune.ingest")
PREFIX: Final = "readings"
KEPT_REJECTS: Final = 10_000
KEPT_LABELS: Final = 10_000
"""A file with more rejected records, or with more labels, is read each time; so many are not held in memory."""
_ELSEWHERE: Final = ("max_reject_share", "max_source_gb", "allow_addresses", "evaluation_files")
"""Options that do not change what is read of a file that can be read."""


@dataclass(frozen=True)
class Part:
    """Rows of a shard; see `StoredRows`."""

    sha256: str
    rows: int
    ends: bool
    begin: int
    end: int


class FileReading:
    """What is read of one file.

    Attributes:
        rejects: Its rejected records, as many as are kept.
        left_out: Records that `where` left out.
        accepted: Its rows.
        labels: How many rows have each label.
        parts: Where its rows are; None before their shards are written.
    """

    def __init__(self) -> None:
        self.rejects: list[Reject] = []
        self.left_out = self.accepted = 0
        self.labels: Counter[str] = Counter()
        self.parts: list[Part] | None = None

    def reject(self, reject: Reject) -> None:
        """Notes a rejected record."""
        if len(self.rejects) <= KEPT_REJECTS:
            self.rejects.append(reject)

    def to_json(self, key: str) -> bytes:
        """The text of found.json, which is kept by a key."""
        found = json.dumps({**vars(self), "parts": [astuple(part) for part in self.parts or ()]}, ensure_ascii=False)
        return json.dumps({"found": found, "sha256": _sha256(key, found)}).encode()

    @classmethod
    def of_json(cls, text: bytes, key: str) -> FileReading:
        """What a found.json says; raises ValueError, KeyError or TypeError if it is damaged, or of another key."""
        outer, made = json.loads(text), cls()
        if _sha256(key, outer["found"]) != outer["sha256"]:
            raise ValueError("what is kept of it is damaged")
        fields = json.loads(outer["found"])
        made.left_out, made.accepted = fields["left_out"], fields["accepted"]
        made.rejects, made.labels = [Reject(*reject) for reject in fields["rejects"]], Counter(fields["labels"])
        made.parts = [Part(*part) for part in fields["parts"]]
        return made


class KnownFiles:
    """Finds and keeps what was read of files.

    Args:
        config: The configuration; without a store nothing is found or kept.
        scratch: A directory for kept shards, best on the file system of the dataset.
    """

    def __init__(self, config: Config, scratch: Path) -> None:
        self._scratch = scratch
        self._store: ObjectStore | None = open_store(config.store) if config.store else None
        self._recipe = _recipe(config)
        self._there: set[str] = set()

    def key(self, file: SourceFile, source: str) -> str:
        """Names what is read of a file; empty if nothing is kept of it."""
        if not self._store or file.defect:
            return ""
        named = json.dumps([self._recipe, source, file.name, file.content])
        return f"{PREFIX}/{hashlib.sha256(named.encode()).hexdigest()[:40]}"

    def find(self, key: str, name: str) -> FileReading | None:
        """What was read of a file, with its rows at hand; None if it has to be read."""
        if not self._store or not key:
            return None
        try:
            found = self._store.get(f"{key}/found.json")
            if found is None:
                return None
            reading = FileReading.of_json(found, key)
            for part in reading.parts or ():
                self._fetch(self._store, part.sha256)
        except (EvertuneError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is read again: %s", name, error)
            return None
        return reading

    def rows(self, reading: FileReading) -> list[StoredRows]:
        """The rows of a file that was found."""
        return [StoredRows(self._path(part.sha256), *astuple(part)) for part in reading.parts or ()]

    def keep(self, key: str, reading: FileReading, parts: Sequence[Part], shards: Sequence[Path]) -> None:
        """Keeps what was read of a file, unless it is kept already.

        Args:
            key: Names it.
            reading: What was read.
            parts: Where its rows are now.
            shards: The file of each part.
        """
        if not self._store or not key or list(parts) == reading.parts:
            return
        if len(reading.rejects) > KEPT_REJECTS or len(reading.labels) > KEPT_LABELS:
            return
        reading.parts = list(parts)
        try:
            for part, path in zip(parts, shards, strict=True):
                if part.sha256 not in self._there:
                    self._store.upload(path, f"{PREFIX}/{part.sha256}.parquet")
                    self._there.add(part.sha256)
            self._store.put(f"{key}/found.json", reading.to_json(key))
        except EvertuneError as error:
            log.warning("%s will be read again next time: %s", shards[0].name if shards else key, error)

    def _fetch(self, store: ObjectStore, sha256: str) -> None:
        path = self._path(sha256)
        if not path.exists():
            store.download(f"{PREFIX}/{sha256}.parquet", path)
            if sha256_of(path) != sha256:
                path.unlink()
                raise UserError("a shard with its rows is damaged")
            self._there.add(sha256)

    def _path(self, sha256: str) -> Path:
        return self._scratch / f"{sha256}.parquet"


def _sha256(key: str, found: str) -> str:
    return hashlib.sha256(f"{key}\0{found}".encode()).hexdigest()


def _recipe(config: Config) -> str:
    """Names all that decides what is read of a file besides its bytes."""
    import pyarrow

    options = {name: getattr(config, name) for name in fields_of(Config, OPTION) if name not in _ELSEWHERE}
    named = [config.task, options, pyarrow.__version__]
    digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode())
    sources = [path for path in sorted(Path(__file__).parent.glob("*.py")) if path.name != "component.py"]
    for path in (*sources, *(Path(str(module.__file__)) for module in (datasets, records, shard_files))):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
