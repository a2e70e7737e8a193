"""Objects as files below a directory: the store of who has no S3 (see `objects`)."""

# ruff: noqa: D102
# `ObjectStore` documents the methods of both stores.

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from components.shared.errors import DamagedError, UserError
from components.shared.files import files_under, whole_file, write_atomically


@dataclass(frozen=True)
class Entry:
    """An object that is there: its key, its size in bytes, and when it was written, in seconds since 1970."""

    key: str
    size: int
    modified: float


class DirectoryStore:
    """Objects as files below a directory."""

    def __init__(self, root: Path) -> None:
        self.root, self.uri = root, str(root)

    def get(self, key: str) -> bytes | None:
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def get_range(self, key: str, begin: int, size: int) -> bytes:
        if self.size(key) is None:
            raise no_such_object(f"{self.uri}/{key}")
        with self._path(key).open("rb") as file:
            file.seek(begin)
            return whole_range(file.read(size), size, f"{self.uri}/{key}")

    def put(self, key: str, data: bytes) -> None:
        write_atomically(self._place(key), data)

    def put_new(self, key: str, data: bytes) -> bool:
        place = self._place(key)
        staged = place.with_name(f".{uuid.uuid4().hex}.new")
        write_atomically(staged, data)
        try:
            os.link(staged, place)  # fails if the name exists: the file system decides who is first
        except FileExistsError:
            return False
        finally:
            staged.unlink()
        return True

    def download(self, key: str, path: Path) -> None:
        if self.size(key) is None:
            raise no_such_object(f"{self.uri}/{key}")
        with whole_file(path) as partial:
            shutil.copyfile(self._path(key), partial)

    def upload(self, path: Path, key: str) -> None:
        with whole_file(self._place(key)) as partial:
            shutil.copyfile(path, partial)

    def size(self, key: str) -> int | None:
        path = self._path(key)
        return path.stat().st_size if path.is_file() else None

    def keys(self, prefix: str = "") -> list[str]:
        below = self.root / safe_key(prefix.rpartition("/")[0])
        names = (path.relative_to(self.root).as_posix() for path in files_under(below))
        return sorted(name for name in names if name.startswith(prefix))

    def entries(self, prefix: str = "") -> list[Entry]:
        found = []
        for key in self.keys(prefix):
            with suppress(FileNotFoundError):  # deleted meanwhile
                status = (self.root / key).stat()
                # A copied file may keep the time of its original; the other time is that of its arrival.
                found.append(Entry(key, status.st_size, max(status.st_mtime, status.st_ctime)))
        return found

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        path = self.root / safe_key(key)
        if any(part.startswith(".") for part in key.split("/")):
            raise UserError(f"{key!r} has a hidden part", where=self.uri, remedy="use names without a leading dot")
        return path

    def _place(self, key: str) -> Path:
        place = self._path(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


def safe_key(key: str) -> str:
    """The key, if it stays below where it is put; raises UserError otherwise."""
    if key.startswith("/") or any(part in (".", "..") for part in key.split("/")) or "\\" in key or "\0" in key:
        raise UserError(f"{key!r} is not a key", where="store", remedy="use names without `..` and leading slash")
    return key


def whole_range(data: bytes, size: int, where: str) -> bytes:
    """The bytes of a range; raises DamagedError if the object ends before."""
    if len(data) != size:
        raise DamagedError("the object is too short", where=where, remedy="restore it from a copy or make it again")
    return data


def no_such_object(where: str) -> UserError:
    """The error for an object that should be there."""
    return UserError("no such object", where=where, remedy="correct the address or make it again")
