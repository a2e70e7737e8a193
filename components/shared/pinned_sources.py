"""Opens a pinned source of any kind as the list of its files that are to be read."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Final

from components.shared.dvc_files import dvc_files
from components.shared.http_source import Rules, http_file
from components.shared.hub_source import hub_files
from components.shared.local_source import FOLDER, local_files
from components.shared.references import DVC, HTTP, HUB, S3, Reference, is_local
from components.shared.s3_source import s3_files
from components.shared.source_files import Pattern, SourceFile

ABOUT_ARROW: Final = ("dataset_dict.json", "dataset_info.json", "state.json")


def chosen_files(reference: Reference, pattern: Pattern, place: Path, rules: Rules, where: str) -> list[SourceFile]:
    """The files of a source that are read, in the order of their names: those of a directory by a pattern.

    Args:
        reference: The source.
        pattern: Which files of a directory are read.
        place: An empty directory for what is needed to list them.
        rules: What a download may do.
        where: The option that names the source, for errors.

    Raises:
        UserError: if there is none, or the source is not what was pinned.
        RetryError: if it cannot be reached.
    """
    found = _files(reference, place, rules, where)
    if not _is_single(reference, found):
        found = _data([file for file in found if file.defect == FOLDER or pattern.chooses(file.name)])
    pattern.require(found, reference.uri, pattern.option)
    return found


def _files(reference: Reference, place: Path, rules: Rules, where: str) -> list[SourceFile]:
    uri = reference.uri
    if is_local(uri):
        return local_files(reference, where)
    if uri.startswith(S3):
        return s3_files(reference, where)
    if uri.startswith(HTTP):
        return [http_file(reference, rules, where)]
    if uri.startswith(DVC):
        return dvc_files(reference, place, rules, where)
    assert uri.startswith(HUB), uri
    return hub_files(reference, where)


def _data(found: list[SourceFile]) -> list[SourceFile]:
    """The files without those that `datasets` writes about Arrow files when it saves a dataset."""
    if not any(file.name.endswith(".arrow") for file in found):
        return found
    return [file for file in found if PurePosixPath(file.name).name not in ABOUT_ARROW]


def _is_single(reference: Reference, found: list[SourceFile]) -> bool:
    """Whether the source is a file, not a directory that holds one."""
    return len(found) == 1 and (reference.uri.startswith(HTTP) or PurePosixPath(reference.uri).name == found[0].name)
