"""What was made of shards before, kept in the object store: only new and changed shards are cleaned again.

cleanings/<key>/found.zip    what all rows are compared by: marks, counts, LSH bands (see `parts`)
cleanings/<key>/shingles     the shingles; those of candidates are read only
cleanings/<key>/rows.zip     the rows, read when they are written
cleanings/<key>/lines.zip    in how many texts each line stands (see `repeated_lines`)

The key names the rows of the shard, the options and the sources of this step, and the libraries it works with. Any of
it may be deleted at any time; what is damaged or cannot be had is made again. found.zip is written behind
shingles and rows: where it is, they are.
"""

from __future__ import annotations

import hashlib
import json
import logging
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from components.clean.config import Config
from components.clean.decontamination import evaluation_texts
from components.clean.parts import FOUND_FILE, MARKS_FILE, ROWS_FILE
from components.clean.placeholders import Placeholders
from components.clean.repeated_lines import LINES_FILE
from components.clean.signatures import BANDS_FILE, CHECKS, SHINGLES, SIZES
from components.shared import datasets, records, texts
from components.shared.errors import RetryError, UserError
from components.shared.manifest import Shard
from components.shared.objects import ObjectStore, open_store
from components.shared.options import OPTION, fields_of

log = logging.getLogger("evertune.clean")
PREFIX: Final = "cleanings"
FOUND, ROWS, LINES = "found.zip", "rows.zip", "lines.zip"
ARCHIVES: Final[Mapping[str, tuple[str, ...]]] = {
    ROWS: (ROWS_FILE,),
    FOUND: (MARKS_FILE, FOUND_FILE, SIZES, CHECKS, BANDS_FILE),
    LINES: (LINES_FILE,),
}
LIBRARIES: Final = ("eldc", "ftfy", "numpy", "pyarrow", "selectolax", "xxhash")
"""Those that decide what is in a part."""
UNUSABLE: Final = (
    *(UserError, RetryError, OSError),  # and not Terminated
    *(zipfile.BadZipFile, zlib.error, struct.error, KeyError, ValueError, RuntimeError, EOFError),
)
"""What is raised for an object that is not there, is damaged or cannot be had; `zipfile` raises many things."""
_ELSEWHERE: Final = frozenset(
    {
        "exact_duplicates",
        "conflicting_labels",
        "near_duplicates",
        "near_duplicate_similarity",
        "cluster_similarity",
        "processes",
        "memory_mb",
        "repeated_lines",  # the lines themselves are named
    }
)
"""Options that do not change what is in a part."""


class KnownParts:
    """Finds and keeps parts.

    Args:
        config: The configuration; without a store nothing is found or kept.
        repeated: Lines that are removed everywhere.
    """

    def __init__(self, config: Config, repeated: frozenset[int] = frozenset()) -> None:
        self._store: ObjectStore | None = open_store(config.store) if config.store else None
        self._recipe, self._must = _recipe(config, repeated), bool(config.share)

    def find(self, shard: Shard, part: Path, archive: str = FOUND) -> bool:
        """Fills an empty directory with what is found in all rows of a shard; whether there was anything."""
        try:
            if not self._store or self._store.size(self._key(shard, archive)) is None:
                return False
            self.fetch(shard, archive, part)
        except UNUSABLE as error:
            log.warning("%s is read again: %s", shard.file, error)
            return False
        return True

    def fetch(self, shard: Shard, archive: str, part: Path) -> None:
        """Puts the files of an archive into a directory; raises UNUSABLE."""
        assert self._store
        path, key = part / archive, self._key(shard, archive)
        try:
            self._store.download(key, path)
            with zipfile.ZipFile(path) as files:
                if files.comment.decode(errors="replace") != key:
                    raise ValueError(f"{key} is what was made of another shard")
                for name in ARCHIVES[archive]:
                    files.extract(name, part)  # and compares its checksum
        finally:
            path.unlink(missing_ok=True)

    def read(self, shard: Shard, begin: int, size: int) -> bytes:
        """Some of the bytes of the shingles; raises UNUSABLE."""
        assert self._store
        return self._store.get_range(self._key(shard, SHINGLES), begin, size)

    def keep(self, shard: Shard, part: Path, objects: Sequence[str] = (SHINGLES, ROWS, FOUND)) -> None:
        """Keeps what was made of a shard; when it cannot be kept, raises if that is what the run is for."""
        if not self._store:
            return
        try:
            for name in objects:
                self._upload(self._store, self._key(shard, name), part / name)
        except (UserError, RetryError, OSError) as error:
            if self._must:
                raise
            log.warning("%s will be cleaned again next time: %s", shard.file, error)

    def _upload(self, store: ObjectStore, key: str, path: Path) -> None:
        if path.name not in ARCHIVES:
            store.upload(path, key)
            return
        with zipfile.ZipFile(path, "w") as files:
            files.comment = key.encode()
            for name in ARCHIVES[path.name]:
                files.write(path.with_name(name), name)
        try:
            store.upload(path, key)
        finally:
            path.unlink()

    def _key(self, shard: Shard, name: str) -> str:
        named = f"{self._recipe} {shard.rows_digest}"
        return f"{PREFIX}/{hashlib.sha256(named.encode()).hexdigest()[:40]}/{name}"


def _recipe(config: Config, repeated: frozenset[int]) -> str:
    """Names all that decides what is in a part besides the rows."""
    options = {name: getattr(config, name) for name in fields_of(Config, OPTION) if name not in _ELSEWHERE}
    libraries = {name: version(name) for name in LIBRARIES}
    key = Placeholders(config.personal_data_key).of("KEY", "")  # changes with the secret, and does not tell it
    compared = evaluation_texts(config.evaluation_texts)
    named = [config.task, options, key, sorted(repeated), libraries, compared.manifest.digest if compared else ""]
    digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode())
    sources = [path for path in sorted(Path(__file__).parent.glob("*.py")) if path.name != "component.py"]
    for path in (*sources, *(Path(str(module.__file__)) for module in (datasets, records, texts))):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
