"""Opens pinned sources and lists the files to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from components.ingest.archives import Budget, Opened, opened
from components.ingest.config import Config
from components.shared.http_source import Rules, http_file
from components.shared.hub_source import hub_files
from components.shared.local_source import FOLDER, local_files
from components.shared.references import DVC, HTTP, HUB, S3, Reference, is_local, parse_reference, split_sources
from components.shared.s3_source import s3_files
from components.shared.source_files import Pattern, SourceFile

WHERE: Final = "ingest.source_reference"
ABOUT_ARROW: Final = ("dataset_dict.json", "dataset_info.json", "state.json")


@dataclass(frozen=True)
class Source:
    """A source that is open: its weight if it has one, its name for people, and its files."""

    weight: float | None
    name: str
    files: list[SourceFile]


class Sources:
    """All sources of a run; what is downloaded or unpacked lies in `scratch`, one file at a time."""

    def __init__(self, config: Config, scratch: Path) -> None:
        self.config, self.scratch = config, scratch
        self.pattern = Pattern(config.files)
        self.rules = Rules.of(config.allow_addresses, config.max_source_gb)
        self.unpacked, self.downloaded = Budget(config.max_source_gb), Budget(config.max_source_gb)

    def open(self) -> Iterator[Source]:
        """The sources in the order in which they are named, each opened when it is asked for."""
        for number, (weight, text) in enumerate(split_sources(self.config.source_reference, WHERE)):
            reference = parse_reference(text)
            place = self.scratch / f"source-{number}"
            place.mkdir()
            found = self._files(reference, place)
            if not _is_single(reference, found):
                found = _data([file for file in found if file.defect == FOLDER or self.pattern.chooses(file.name)])
            self.pattern.require(found, reference.uri, "ingest.files")
            yield Source(weight, PurePosixPath(reference.uri).name, found)

    def contents(self, file: SourceFile) -> Iterator[Opened]:
        """The files to read that a file of a source is or contains."""
        if file.defect:
            yield Opened(file.name, Path(), file.defect)
            return
        self.downloaded.spend(file.size, file.name)
        place = self.scratch / "file"
        place.mkdir(exist_ok=True)
        path = file.fetch(place)
        yield from opened(path, file.name, self.pattern, self.unpacked, place, self.config.encoding)
        file.check()
        if path.is_relative_to(place):
            path.unlink()

    def _files(self, reference: Reference, place: Path) -> list[SourceFile]:
        uri = reference.uri
        if is_local(uri):
            return local_files(reference, WHERE)
        if uri.startswith(S3):
            return s3_files(reference, WHERE)
        if uri.startswith(HTTP):
            return [http_file(reference, self.rules, WHERE)]
        if uri.startswith(DVC):
            from components.ingest.dvc_files import dvc_files

            return dvc_files(reference, place, self.rules, WHERE)
        assert uri.startswith(HUB), uri
        return hub_files(reference, WHERE)


def _data(found: list[SourceFile]) -> list[SourceFile]:
    """The files without those that `datasets` writes about Arrow files when it saves a dataset."""
    if not any(file.name.endswith(".arrow") for file in found):
        return found
    return [file for file in found if PurePosixPath(file.name).name not in ABOUT_ARROW]


def _is_single(reference: Reference, found: list[SourceFile]) -> bool:
    """Whether the source is a file, not a directory that holds one."""
    return len(found) == 1 and (reference.uri.startswith(HTTP) or PurePosixPath(reference.uri).name == found[0].name)
