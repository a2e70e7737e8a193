"""Reads files of records as a stream: csv, tsv, jsonl, parquet, txt."""

from __future__ import annotations

import csv
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.ingest.strict_json import Refused, parse_object
from components.shared.errors import UserError

FIELD_CHARS: Final = 1 << 22
"""Longest field of a CSV file; an unclosed quote ends there at the latest."""
PEEKED: Final = 100
"""Records of a JSON Lines file that decide which columns it has."""
BATCH_ROWS: Final = 1024
NOT_UTF8: Final = "not valid UTF-8"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file.

    Attributes:
        line: The line it begins on, from 1; in a Parquet file the number of the row.
        values: Its values by column; what was read when it is broken.
        reason: Why it cannot be read; empty when it can.
        lines: How many lines it takes.
    """

    line: int
    values: Mapping[str, Any]
    reason: str = ""
    lines: int = 1


def read_records(path: Path, name: str, wanted: Sequence[str]) -> Iterator[Record]:
    """The records of a file in their order.

    Args:
        path: The file; its suffix says its format.
        name: The file's name for errors.
        wanted: Columns that must be there.

    Raises:
        UserError: for an unknown format, a missing column or a file that cannot be read at all.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(
            f"{path.suffix or 'no suffix'} is not a known format",
            where=name,
            remedy=f"give files that end in {', '.join(READERS)}, or choose them with ingest.files",
        )
    return reader(path, name, wanted)


def _delimited(path: Path, name: str, wanted: Sequence[str], *, delimiter: str) -> Iterator[Record]:
    csv.field_size_limit(FIELD_CHARS)
    # Bytes that are not UTF-8 become lone surrogates, so that they cost one record and not the file.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        header = _header(reader, name)
        _require(header, wanted, name)
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                reason = "field is too long" if "limit" in str(error) else "broken quotes"
                yield Record(line, {}, reason, reader.line_num - line + 1)
                continue
            if fields:
                reason = _defect_of_fields(fields, header)
                yield Record(line, dict(zip(header, fields, strict=False)), reason, reader.line_num - line + 1)


def _header(reader: Iterator[list[str]], name: str) -> list[str]:
    try:
        header = [column.strip() for column in next(reader, [])]
    except csv.Error:
        raise UserError(
            "the first line has broken quotes", where=name, remedy="mend the line of column names"
        ) from None
    if not _is_utf8(header):
        raise UserError("the first line is not valid UTF-8", where=name, remedy="convert the file to UTF-8")
    for column in header:
        if header.count(column) > 1:
            raise UserError(f"the column {column!r} is there twice", where=name, remedy="rename one of them")
    return header


def _defect_of_fields(fields: Sequence[str], header: Sequence[str]) -> str:
    if len(fields) != len(header):
        return "wrong number of fields"
    return "" if _is_utf8(fields) else NOT_UTF8


def _is_utf8(fields: Iterable[str]) -> bool:
    joined = "".join(fields)
    return joined.isascii() or not any("\ud800" <= character <= "\udfff" for character in joined)


def _json_lines(path: Path, name: str, wanted: Sequence[str]) -> Iterator[Record]:
    records = _json_records(path)
    head = list(itertools.islice(records, PEEKED))
    columns = dict.fromkeys(column for record in head for column in record.values)
    if any(not record.reason for record in head):
        _require(list(columns), wanted, name)
    yield from itertools.chain(head, records)


def _json_records(path: Path) -> Iterator[Record]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield Record(number, parse_object(_without_mark(line, number)))
            except Refused as refused:
                yield Record(number, {}, str(refused))


def _parquet(path: Path, name: str, wanted: Sequence[str]) -> Iterator[Record]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            _require(file.schema_arrow.names, wanted, name)
            rows = (row for batch in file.iter_batches(BATCH_ROWS, columns=list(wanted)) for row in batch.to_pylist())
            for number, row in enumerate(rows, 1):
                yield Record(number, row)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        what = str(error).splitlines()[0]
        raise UserError(f"cannot be read as Parquet ({what})", where=name, remedy="write the file again") from error


def _lines(path: Path, name: str, wanted: Sequence[str]) -> Iterator[Record]:
    _require(["text", "file"], wanted, name)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            content = _without_mark(line, number).rstrip(b"\r\n")
            if not content.strip():
                continue
            text = content.decode("utf-8", "backslashreplace")
            reason = "" if text.encode() == content else NOT_UTF8
            yield Record(number, {"text": text, "file": path.stem}, reason)


def _without_mark(line: bytes, number: int) -> bytes:
    return line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _require(columns: Sequence[str], wanted: Sequence[str], name: str) -> None:
    for column in wanted:
        if column not in columns:
            there = ", ".join(repr(known) for known in columns) or "none, the file is empty"
            raise UserError(
                f"no column {column!r}; the columns are {there}",
                where=name,
                remedy="correct the column names in `ingest` or the file",
            )


READERS: Final[Mapping[str, Callable[[Path, str, Sequence[str]], Iterator[Record]]]] = {
    ".csv": functools.partial(_delimited, delimiter=","),
    ".tsv": functools.partial(_delimited, delimiter="\t"),
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
    ".txt": _lines,
}
"""The reader of each format, by suffix."""
