"""Objects by key, in S3 or in a directory, with deadlines, checksums and conditional writes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from components.shared.commands import Deadline
from components.shared.directory_store import DirectoryStore, Entry, safe_key
from components.shared.errors import UserError
from components.shared.files import files_under
from components.shared.s3_store import S3Store


class ObjectStore(Protocol):
    """Whole objects under keys with `/` as separator."""

    uri: str

    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None if there is none."""

    def get_range(self, key: str, begin: int, size: int) -> bytes:
        """Some bytes of an object that has them. They are not compared with what was written: the caller does that."""

    def put(self, key: str, data: bytes) -> None:
        """Writes an object, replacing one that is there."""

    def put_new(self, key: str, data: bytes) -> bool:
        """Writes an object only if there is none; says whether it did. Atomic among writers."""

    def download(self, key: str, path: Path) -> None:
        """Copies an object to a file, which is whole or not there."""

    def upload(self, path: Path, key: str) -> None:
        """Copies a file to an object."""

    def size(self, key: str) -> int | None:
        """Number of bytes of an object, or None if there is none."""

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin with `prefix`, sorted."""

    def entries(self, prefix: str = "") -> list[Entry]:
        """What `keys` gives, with size and time."""

    def delete(self, key: str) -> None:
        """Removes an object; none there is no error."""


def open_store(uri: str, deadline: Deadline | None = None) -> ObjectStore:
    """The store at `s3://bucket/prefix` or at a directory.

    S3 credentials, region and endpoint come from the standard AWS_* variables.

    Args:
        uri: Its address.
        deadline: When all that is done with it must be over; without one each operation has its longest time.
    """
    if uri.startswith("s3://"):
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if bucket:
            return S3Store(bucket, prefix.strip("/"), deadline)
    if "://" in uri or not uri:
        raise UserError(f"{uri!r} is not a store", where="store", remedy="give s3://bucket/prefix or a directory")
    return DirectoryStore(Path(uri).expanduser())


def upload_tree(store: ObjectStore, root: Path, prefix: str) -> None:
    """Copies all files below `root` to keys below `prefix`."""
    for path in files_under(root):
        store.upload(path, f"{prefix}/{path.relative_to(root).as_posix()}")


def download_tree(store: ObjectStore, prefix: str, root: Path) -> None:
    """Copies all objects below `prefix` to files below `root`."""
    for key in store.keys(f"{prefix}/"):
        path = root / safe_key(key.removeprefix(f"{prefix}/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        store.download(key, path)
