"""Good copies of objects, looked for in directories of datasets, DVC caches and other stores."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from components.shared.dvc_remote import md5_of
from components.shared.errors import DamagedError, UserError
from components.shared.objects import ObjectStore, open_store

_OF_DVC = re.compile(r"(?:^|/)([0-9a-f]{2})/([0-9a-f]{30}(?:\.dir)?)$")


class Copies:
    """Places in which copies may lie; what they hold is believed only when its hashes are right.

    Args:
        sources: Directories or stores; the DVC cache of a directory is looked into as well.

    Raises:
        UserError: if a directory does not exist.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self._places = [(store, store.keys()) for source in sources for store in _stores(source)]

    def find(self, name: str, md5: str, sha256: str) -> tuple[bytes, str] | None:
        """The bytes of a file and where they were found.

        Args:
            name: The file's name in the dataset.
            md5: What DVC knows it by; empty if that is unknown.
            sha256: Its sha256; empty if that is unknown, but not both.
        """
        for store, key in self._candidates(name, md5):
            try:
                data = store.get(key)
            except DamagedError:
                continue
            if data is None or (md5 and md5_of(data) != md5.removesuffix(".dir")):
                continue
            if not sha256 or hashlib.sha256(data).hexdigest() == sha256:
                return data, f"{store.uri}/{key}"
        return None

    def _candidates(self, name: str, md5: str) -> Iterator[tuple[ObjectStore, str]]:
        for store, keys in self._places:
            for key in keys:
                match = _OF_DVC.search(key)
                if key.rpartition("/")[2] == name or (match and md5 in ("", match[1] + match[2])):
                    yield store, key


def _stores(source: str) -> list[ObjectStore]:
    if "://" in source:
        return [open_store(source)]
    place = Path(source).expanduser()
    if not place.is_dir():
        raise UserError(f"no such directory: {source}", where="--from", remedy="give a directory or s3://bucket/prefix")
    cache = place / ".dvc" / "cache"
    return [open_store(str(path)) for path in (place, cache) if path.is_dir()]
