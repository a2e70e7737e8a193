"""What was made of shards before, kept in the object store: only new and changed shards are cleaned again.

cleanings/<key>.zip    the files of a part

The key names the rows of the shard, the options and the sources of this step, and the libraries it works with. Any of
it may be deleted at any time; what is damaged or cannot be had is made again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from components.clean.config import Config
from components.clean.parts import PART_FILES
from components.clean.placeholders import Placeholders
from components.shared import datasets, records, texts
from components.shared.errors import EvertuneError
from components.shared.manifest import Shard
from components.shared.objects import ObjectStore, open_store
from components.shared.options import OPTION, fields_of

log = logging.getLogger("evertune.clean")
PREFIX: Final = "cleanings"
LIBRARIES: Final = ("eldc", "ftfy", "numpy", "pyarrow", "selectolax", "xxhash")
"""Those that decide what is in a part."""
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
        self._recipe = _recipe(config, repeated)

    def find(self, shard: Shard, part: Path) -> bool:
        """Fills an empty directory with what was made of a shard; whether there was anything."""
        if not self._store:
            return False
        archive = part.with_suffix(".zip")
        try:
            if self._store.size(self._key(shard)) is None:
                return False
            self._store.download(self._key(shard), archive)
            with zipfile.ZipFile(archive) as files:
                for name in PART_FILES:
                    files.extract(name, part)  # and compares its checksum
        except (EvertuneError, OSError, zipfile.BadZipFile, KeyError) as error:
            log.warning("%s is cleaned again: %s", shard.file, error)
            return False
        finally:
            archive.unlink(missing_ok=True)
        return True

    def keep(self, shard: Shard, part: Path) -> None:
        """Keeps what was made of a shard."""
        if not self._store:
            return
        archive = part.with_suffix(".zip")
        with zipfile.ZipFile(archive, "w") as files:
            for name in PART_FILES:
                files.write(part / name, name)
        try:
            self._store.upload(archive, self._key(shard))
        except (EvertuneError, OSError) as error:
            log.warning("%s will be cleaned again next time: %s", shard.file, error)
        finally:
            archive.unlink()

    def _key(self, shard: Shard) -> str:
        named = f"{self._recipe} {shard.rows_digest}"
        return f"{PREFIX}/{hashlib.sha256(named.encode()).hexdigest()[:40]}.zip"


def _recipe(config: Config, repeated: frozenset[int]) -> str:
    """Names all that decides what is in a part besides the rows."""
    options = {name: getattr(config, name) for name in fields_of(Config, OPTION) if name not in _ELSEWHERE}
    libraries = {name: version(name) for name in LIBRARIES}
    key = Placeholders(config.personal_data_key).of("KEY", "")  # changes with the secret, and does not tell it
    named = [config.task, options, key, sorted(repeated), libraries]
    digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode())
    sources = [path for path in sorted(Path(__file__).parent.glob("*.py")) if path.name != "component.py"]
    for path in (*sources, *(Path(str(module.__file__)) for module in (datasets, records, texts))):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
