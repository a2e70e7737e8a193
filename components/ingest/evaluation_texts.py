"""Reads the texts that models will be tested on, so that `clean` can drop what overlaps them.

All texts of a record count, in whatever columns they stand, but for those that name what it is. What cannot be read is
an error, not a reject: a question that is left out here would be learned by heart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from components.ingest.config import Config
from components.ingest.readers import read_records
from components.ingest.record import Reading, singly
from components.ingest.source import Sources
from components.shared.datasets import ALL, DatasetWriter
from components.shared.errors import UserError
from components.shared.files import staged_directory
from components.shared.source_files import Pattern

WHERE: Final = "ingest.evaluation_reference"
COLUMNS: Final = {"text": "string"}
NO_TEXTS: Final = ("id", "label", "labels", "meta", "role")


def write_evaluation_texts(config: Config) -> None:
    """Writes the texts of the evaluation set as a dataset, one without rows when there is none.

    Raises:
        UserError: if it cannot be read, or holds no text.
    """
    with tempfile.TemporaryDirectory() as scratch, staged_directory(config.evaluation_texts) as directory:
        writer = DatasetWriter(directory, COLUMNS)
        for text in _texts(config, Path(scratch)):
            writer.write({"text": text})
        if not writer.finish().rows(ALL) and config.evaluation_reference:
            raise UserError(f"{config.evaluation_reference} holds no text", where=WHERE, remedy="correct the source")


def _texts(config: Config, scratch: Path) -> Iterator[str]:
    pattern = Pattern(config.evaluation_files, "ingest.evaluation_files")
    sources = Sources(config, config.evaluation_reference, WHERE, pattern, scratch)
    reading = Reading(wanted=(), max_bytes=config.max_record_mb << 20)
    for source in sources.open():
        for file in source.files:
            for part in sources.contents(file):
                if part.reason:
                    raise _unreadable(part.reason, part.name)
                for record in singly(read_records(part.path, part.name, reading)):
                    if record.reason:
                        raise _unreadable(record.reason, f"{part.name}: line {record.line}")
                    yield from _strings([record.values])


def _strings(values: Iterable[Any]) -> Iterator[str]:
    """All texts in nested values but those that name what a row is; a lone surrogate is of no use to compare."""
    for value in values:
        if isinstance(value, str):
            if not value.isspace() and value:
                yield value.encode("utf-8", "replace").decode()
        elif isinstance(value, dict):
            yield from _strings(part for name, part in value.items() if name not in NO_TEXTS)
        elif isinstance(value, list):
            yield from _strings(value)


def _unreadable(reason: str, where: str) -> UserError:
    return UserError(f"the evaluation set cannot be read ({reason})", where=where, remedy="correct it")
