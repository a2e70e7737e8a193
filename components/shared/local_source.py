"""Sources on this machine: each file with its digest, and proof that it did not change while it was read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from components.shared.errors import UserError
from components.shared.files import combined_digest, files_under, sha256_of
from components.shared.references import PACKAGE, Reference, local_path
from components.shared.source_files import SourceFile, changed, readable_name

ESCAPES: Final = "symbolic link that leads out of the source"
FOLDER: Final = "symbolic link to a folder, which is not followed"
DANGLING: Final = "symbolic link to nothing"


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
    if not (single or reference.uri.startswith(PACKAGE)):  # some installers link packages to a cache
        found = [file if _stays(file, root) else replace(file, defect=ESCAPES) for file in found]
        found += [_linked(path, root) for path in _links_to_nowhere(root)]
    return [replace(file, name=readable_name(file.name, "auto")) for file in found]


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


def _links_to_nowhere(root: Path) -> list[Path]:
    """Links that give no file, which would be lost without a word: to folders, and to what is not there."""
    links = [path for path in root.rglob("*") if path.is_symlink() and not path.is_file()]
    return sorted(path for path in links if not any(part.startswith(".") for part in path.relative_to(root).parts))


def _linked(path: Path, root: Path) -> SourceFile:
    defect = FOLDER if path.is_dir() else DANGLING
    return SourceFile(name=path.relative_to(root).as_posix(), content="", fetch=lambda _: path, defect=defect)
