"""Reads csv and tsv."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from components.ingest.blocks import BLOCK, Blocks
from components.ingest.record import TOO_LONG, Reading, Record, Together, require, require_once
from components.ingest.texts import CUT, as_text, encoding_of, is_sound, lines_of, open_text
from components.shared.errors import UserError


def read_delimited(path: Path, name: str, reading: Reading, *, delimiter: str) -> Iterator[Record | Together]:
    """The records below the line of column names; an unclosed quote ends at the longest record at the latest."""
    csv.field_size_limit(reading.max_bytes)
    encoding = encoding_of(path, name, reading.encoding)
    broken = f"not valid {encoding.removesuffix('-sig').upper()}"
    with open_text(path, encoding) as text:
        reader = csv.reader(lines_of(text, reading.max_bytes), delimiter=delimiter, strict=True)
        header = _header(reader, name, broken)
        require(header, reading.wanted, name)
        require_once(header, reading.wanted, name)
        begin = _end_of_line(path) if encoding.startswith("utf-8") and reader.line_num == 1 else 0
        if not begin:
            yield from _exactly(reader, header, reader.line_num + 1, broken)
            return
    with path.open("rb") as file:
        file.seek(begin)
        blocks = Blocks(file, header, delimiter, 2)
        yield from blocks.records()
        file.seek(blocks.offset)
        with as_text(file, "utf-8") as text:
            reader = csv.reader(lines_of(text, reading.max_bytes), delimiter=delimiter, strict=True)
            yield from _exactly(reader, header, blocks.line, broken)


def _exactly(reader: Any, header: list[str], line: int, broken: str) -> Iterator[Record]:
    """The records of Python's reader, which tells what is broken."""
    width, before = len(header), line - reader.line_num - 1
    while True:
        try:
            for fields in reader:
                lines = before + reader.line_num - line + 1
                joined = "".join(fields)
                if len(fields) == width and is_sound(joined):
                    yield Record(line, dict(zip(header, fields, strict=True)), "", lines)
                elif fields:
                    reason = _defect(fields, joined, width, broken)
                    yield Record(line, dict(zip(header, fields, strict=False)), reason, lines)
                line = before + reader.line_num + 1
            return
        except csv.Error as error:
            reason = TOO_LONG if "limit" in str(error) else "broken quotes"
            yield Record(line, {}, reason, before + reader.line_num - line + 1)
            line = before + reader.line_num + 1


def _end_of_line(path: Path) -> int:
    """Where the first line ends, if it is a plain one; otherwise 0."""
    with path.open("rb") as file:
        line = file.readline(BLOCK)
    plain = line.endswith(b"\n") and b'"' not in line and b"\r" not in line.removesuffix(b"\r\n")
    return len(line) if plain else 0


def _header(reader: Iterator[list[str]], name: str, broken: str) -> list[str]:
    try:
        # Blank lines may stand before it, and a second byte order mark in it.
        header = [column.strip().removeprefix("\ufeff") for column in next(filter(None, reader), [])]
    except csv.Error:
        raise UserError(
            "the first line has broken quotes", where=name, remedy="mend the line of column names"
        ) from None
    joined = "".join(header)
    if CUT in joined:
        raise UserError("the first line is too long", where=name, remedy="is it a table? Or raise ingest.max_record_mb")
    if not is_sound(joined):
        raise UserError(f"the first line is {broken}", where=name, remedy="convert the file or name ingest.encoding")
    return header


def _defect(fields: Sequence[str], joined: str, width: int, broken: str) -> str:
    if CUT in joined:
        return TOO_LONG
    return "wrong number of fields" if len(fields) != width else broken
