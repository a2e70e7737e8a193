"""Files that are either whole or absent, and digests of files and directories."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file so that no reader and no crash ever sees a part of it."""
    with whole_file(path) as partial:
        partial.write_bytes(data)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a name to write to, which takes the place of `path` when the block ends without error."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def staged_directory(path: Path) -> Iterator[Path]:
    """Gives an empty directory that takes the place of `path` when the block ends without error.

    A leftover of an earlier, killed run is removed; `path` itself is replaced only at the end.
    """
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def scratch_directory(beside: Path) -> Iterator[Path]:
    """Gives an empty directory beside a path while the block lasts; what killed runs left is removed.

    Its name is new each time: a command that a killed run had started may still write into the old one.
    """
    for left in beside.parent.glob(f".{beside.name}.*scratch"):
        shutil.rmtree(left, ignore_errors=True)
    beside.parent.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=f".{beside.name}.", suffix=".scratch", dir=beside.parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sha256_of(path: Path) -> str:
    """The sha256 of a file, as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_under(root: Path) -> list[Path]:
    """All files below `root`, hidden ones and bytecode left out, in a stable order."""
    found = []
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            found.append(path)
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def tree_digest(root: Path) -> str:
    """The sha256 over the names and contents of a file, or of all files below a directory."""
    if root.is_file():
        return sha256_of(root)
    return combined_digest({path.relative_to(root).as_posix(): sha256_of(path) for path in files_under(root)})


def combined_digest(digests: Mapping[str, str]) -> str:
    """The sha256 over names and digests, in the order given."""
    digest = hashlib.sha256()
    for name, value in digests.items():
        # Names on disk are bytes, which need not be UTF-8.
        digest.update(f"{name}\0{value}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
