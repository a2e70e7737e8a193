"""Opens pinned sources and what their files contain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from components.ingest.archives import Budget, Opened, opened
from components.ingest.config import Config
from components.shared.http_source import Rules
from components.shared.pinned_sources import chosen_files
from components.shared.references import parse_reference, split_sources
from components.shared.source_files import Pattern, SourceFile


@dataclass(frozen=True)
class Source:
    """A source that is open: its weight if it has one, its name for people, and its files."""

    weight: float | None
    name: str
    files: list[SourceFile]


class Sources:
    """All sources of one kind; what is downloaded or unpacked lies in `scratch`, one file at a time.

    Args:
        config: The options.
        references: The pinned sources.
        where: The option that names them, for errors.
        pattern: Which of their files are read.
        scratch: An empty directory.
    """

    def __init__(self, config: Config, references: str, where: str, pattern: Pattern, scratch: Path) -> None:
        self.config, self.references, self.where = config, references, where
        self.pattern, self.scratch = pattern, scratch
        self.rules = Rules.of(config.allow_addresses, config.max_source_gb)
        self.unpacked, self.downloaded = Budget(config.max_source_gb), Budget(config.max_source_gb)

    def open(self) -> Iterator[Source]:
        """The sources in the order in which they are named, each opened when it is asked for."""
        for number, (weight, text) in enumerate(split_sources(self.references, self.where)):
            reference = parse_reference(text)
            place = self.scratch / f"source-{number}"
            place.mkdir()
            found = chosen_files(reference, self.pattern, place, self.rules, self.where)
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
