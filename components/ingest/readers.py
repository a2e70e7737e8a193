"""The formats of files and their readers, each a stream of records."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from components.ingest.columnar import read_arrow, read_parquet
from components.ingest.delimited import read_delimited
from components.ingest.documents import read_document, read_email, read_lines, read_page
from components.ingest.json_files import read_json, read_json_lines
from components.ingest.record import Reader, Reading, Record, Together
from components.shared.errors import UserError
from components.shared.source_files import COMPRESSED, is_archive

READERS: Final[Mapping[str, Reader]] = {
    "csv": functools.partial(read_delimited, delimiter=","),
    "tsv": functools.partial(read_delimited, delimiter="\t"),
    "jsonl": read_json_lines,
    "json": read_json,
    "parquet": read_parquet,
    "arrow": read_arrow,
    "txt": read_lines,
    "html": read_page,
    "markdown": read_document,
    "eml": read_email,
}
"""The reader of each format."""
_SUFFIXES: Final = {"ndjson": "jsonl", "feather": "arrow", "htm": "html", "xhtml": "html", "md": "markdown"}


def read_records(path: Path, name: str, reading: Reading) -> Iterator[Record | Together]:
    """The records of a file in their order.

    Args:
        path: The file.
        name: Its name in the source; the suffix says its format.
        reading: How it is read.

    Raises:
        UserError: for an unknown format, a missing column or a file that cannot be read at all.
    """
    return READERS[reading.file_format or format_of(name)](path, name, reading)


def format_of(name: str) -> str:
    """The format that a name says; raises UserError if it is not one of READERS."""
    if is_archive(name):
        remedy = "unpack it yourself, or choose other files with ingest.files"
        raise UserError("is an archive inside an archive", where=name, remedy=remedy)
    suffix = PurePosixPath(plain_name(name)).suffix
    found = suffix.lower().removeprefix(".")
    found = _SUFFIXES.get(found, found)
    if found not in READERS:
        raise UserError(
            f"{suffix or 'no suffix'} is not a known format",
            where=name,
            remedy=f"give files that end in .{', .'.join(READERS)}, choose them with ingest.files, "
            "or name ingest.file_format",
        )
    return found


def plain_name(name: str) -> str:
    """The name without the suffix of a compression."""
    return name.rpartition(".")[0] if name.lower().endswith(COMPRESSED) else name
