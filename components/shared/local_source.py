"""Sources on this machine: each file with its digest, and proof that it did not change while it was read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from components.shared.errors import UserError
from components.shared.files import combined_digest, files_under, sha256_of
from components.shared.references import PACKAGE, Reference, local_path
from components.shared.source_files import SourceFile, changed

ESCAPES: Final = "symbolic link that leads out of the source"


def local_files(reference: Reference, where: str) -> list[SourceFile]:
    """The files of a pinned path or `package://` URI, in the order of their names.

    Raises:
        UserError: if they are not what they were when they were pinned.
    """
    root = local_path(reference.uri, where)
    single = root.is_file()
    found = [_described(path, root, where) for path in ([root] if single else files_under(root))]
    digests = {file.name: file.content.removeprefix("sha256=") for file in found}
    if (digests[root.name] if single else combined_digest(digests)) != reference.value:
        raise changed(reference.uri, where)
    if single or reference.uri.startswith(PACKAGE):  # some installers link packages to a cache
        return found
    return [file if _stays(file, root) else _escaping(file) for file in found]


def files_below(root: Path, where: str) -> list[SourceFile]:
    """The files of a directory that was made for this run; links in it are never followed."""
    regular = [path for path in files_under(root) if not path.is_symlink()]
    return [_described(path, root, where) for path in regular]


def _described(path: Path, root: Path, where: str) -> SourceFile:
    name = root.name if path == root else path.relative_to(root).as_posix()
    before = _signature(path, where)
    digest = sha256_of(path)
    return SourceFile(
        name=name,
        content=f"sha256={digest}",
        fetch=lambda _: path,
        check=partial(_check_unchanged, path, before, where),
    )


def _check_unchanged(path: Path, before: tuple[int, ...], where: str) -> None:
    if _signature(path, where) != before:
        raise UserError(f"{path} changed while it was read", where=where, remedy="run `resolve` again")


def _signature(path: Path, where: str) -> tuple[int, ...]:
    """Differs after any write: the time of the last change cannot be set by a program."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise UserError(f"{path} vanished while it was read", where=where, remedy="run `resolve` again") from None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _stays(file: SourceFile, root: Path) -> bool:
    return (root / file.name).resolve().is_relative_to(root.resolve())


def _escaping(file: SourceFile) -> SourceFile:
    return SourceFile(name=file.name, content=file.content, fetch=file.fetch, defect=ESCAPES)
