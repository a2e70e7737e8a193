"""What readers give, and how they are to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from components.shared.errors import UserError

PLACE: Final = ("file", "folder", "source")
"""Columns that every record has, unless its file has one of that name: where it stands."""
TOO_LONG: Final = "longer than max_record_mb"


class Record(NamedTuple):
    """One record of a file.

    Attributes:
        line: The line it begins on, from 1; in a file without lines the number of the record.
        values: Its values by column; what was read when it is broken.
        reason: Why it cannot be read; empty when it can.
        lines: How many lines it takes.
    """

    line: int
    values: Mapping[str, Any]
    reason: str = ""
    lines: int = 1


class Together(NamedTuple):
    """Sound records that were read together.

    Attributes:
        table: Gives them as an Arrow table whose texts are UTF-8; None if their values make none.
        records: Gives them one by one.
    """

    table: Callable[[], Any]
    records: Callable[[], Iterator[Record]]


def singly(found: Iterable[Record | Together]) -> Iterator[Record]:
    """Records one by one."""
    for one in found:
        if isinstance(one, Record):
            yield one
        else:
            yield from one.records()


@dataclass(frozen=True)
class Reading:
    """How files are read.

    Attributes:
        wanted: Columns that must be there; when there are none, all columns are read.
        encoding: Encoding of texts; `auto` finds it out.
        max_bytes: Longest record, in bytes or characters.
        whole_texts: Whether a text file is one record, not one for each line.
        file_format: Format of all files; empty goes by their names.
    """

    wanted: tuple[str, ...]
    encoding: str = "auto"
    max_bytes: int = 4 << 20
    whole_texts: bool = False
    file_format: str = ""


Reader = Callable[[Path, str, Reading], Iterator[Record | Together]]
"""Gives the records of a file, whose name is for errors."""


def require(columns: Sequence[str], wanted: Sequence[str], name: str) -> None:
    """Raises UserError if a file lacks a wanted column."""
    for column in wanted:
        if column not in columns and (not columns or column not in PLACE):
            there = ", ".join(map(repr, (*columns, *PLACE))) if columns else "none, the file is empty"
            raise UserError(
                f"no column {column!r}; the columns are {there}",
                where=name,
                remedy="correct the column names in `ingest` or the file",
            )


def require_once(columns: Sequence[str], wanted: Sequence[str], name: str) -> None:
    """Raises UserError for a wanted column that is there twice; others, such as empty ones of Excel, may be."""
    for column in wanted or filter(None, columns):
        if columns.count(column) > 1:
            raise UserError(f"the column {column!r} is there twice", where=name, remedy="rename one of them")
