"""Reads JSON: lines of objects, an array of objects, or objects one after another."""

from __future__ import annotations

import codecs
import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

from components.ingest.json_tables import LineTables
from components.ingest.record import TOO_LONG, Reading, Record, Together, require
from components.ingest.strict_json import Refused, parse_object
from components.ingest.texts import CUT, json_encoding_of, lines_of, open_text

PEEKED: Final = 100
"""Records that decide which columns a file has."""
_CHUNK: Final = 1 << 18
BLOCK: Final = 1 << 19
"""Bytes of records that are handed over together; less than the shortest limit of a record."""
_OUTSIDE: Final = re.compile(rb'["{}\[\],]')
Piece = tuple[int, bytes | None]
"""The line that an object begins on, and its text; None for one that is too long."""


def read_json_lines(path: Path, name: str, reading: Reading) -> Iterator[Record | Together]:
    """The object of each line."""
    encoding = json_encoding_of(path, name, reading.encoding)
    with path.open("rb") as file:
        if encoding == "utf-8-sig":
            file.read(len(codecs.BOM_UTF8))
        if encoding.startswith("utf-8"):
            lines = _Lines(file, reading.max_bytes)
            yield from _checked(iter(lines), name, reading, lines.tables)
            return
    with open_text(path, encoding) as text:
        yield from _checked(enumerate(map(_as_bytes, lines_of(text, reading.max_bytes)), 1), name, reading)


def read_json(path: Path, name: str, reading: Reading) -> Iterator[Record | Together]:
    """The objects of an array, or of a file that holds one after another."""
    encoding = json_encoding_of(path, name, reading.encoding)
    if not encoding.startswith("utf-8"):
        with open_text(path, encoding) as text:
            yield from _checked(_Objects(_Transcoded(text), reading.max_bytes).pieces(), name, reading)
        return
    with path.open("rb") as file:
        if encoding == "utf-8-sig":
            file.read(len(codecs.BOM_UTF8))
        yield from _checked(_Objects(file, reading.max_bytes).pieces(), name, reading)


def _checked(
    pieces: Iterator[Piece], name: str, reading: Reading, quickly: Callable[[], Iterator[Together]] = lambda: iter(())
) -> Iterator[Record | Together]:
    """The records, after a look at the columns of the first ones; behind these `quickly` reads as far as it can."""
    head = [record for record, _ in itertools.islice(_records(pieces), PEEKED)]
    columns = dict.fromkeys(column for record in head for column in record.values)
    if any(not record.reason for record in head):
        # A path such as `translation.en` begins in a column.
        there = [*columns, *(wanted for wanted in reading.wanted if wanted.partition(".")[0] in columns)]
        require(list(dict.fromkeys(there)), reading.wanted, name)
    yield from head
    yield from quickly()
    yield from _together(_records(pieces), reading.wanted)


def _records(pieces: Iterator[Piece]) -> Iterator[tuple[Record, int]]:
    """The record of each piece, and its size in bytes."""
    for number, text in pieces:
        if text is None:
            yield Record(number, {}, TOO_LONG), 0
        elif not text.isspace():
            try:
                yield Record(number, parse_object(text)), len(text)
            except Refused as refused:
                yield Record(number, {}, str(refused)), 0


def _together(records: Iterator[tuple[Record, int]], wanted: Sequence[str]) -> Iterator[Record | Together]:
    """Sound records that follow each other, some at a time; others by themselves."""
    waiting: list[Record] = []
    size = 0
    for record, length in records:
        if not record.reason:
            waiting.append(record)
            size += length
        if waiting and (record.reason or size >= BLOCK):
            yield Together(partial(_table, waiting, wanted), partial(iter, waiting))
            waiting, size = [], 0
        if record.reason:
            yield record
    if waiting:
        yield Together(partial(_table, waiting, wanted), partial(iter, waiting))


def _table(records: Sequence[Record], wanted: Sequence[str]) -> Any:
    """The wanted columns of records; None if some lack one, or the values of one are of several types."""
    import pyarrow as pa

    columns = {}
    for name in wanted:
        there = sum([name in record.values for record in records])
        if there == len(records):
            columns[name] = [record.values[name] for record in records]
        elif there:
            return None
    try:
        return pa.table(columns)
    except (pa.ArrowException, OverflowError):
        return None


class _Lines:
    """The lines of a file, one by one or many together.

    Args:
        file: Where the first line begins.
        limit: Longest line in bytes.
    """

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.file, self.limit = file, limit
        self.number = 0
        self._example = file.readline(limit)
        file.seek(-len(self._example), os.SEEK_CUR)

    def __iter__(self) -> Iterator[Piece]:
        while line := self.file.readline(self.limit):
            self.number += 1
            if len(line) < self.limit or line.endswith(b"\n"):
                yield self.number, line
                continue
            while len(line) == self.limit and not line.endswith(b"\n"):
                line = self.file.readline(self.limit)
            yield self.number, None

    def tables(self) -> Iterator[Together]:
        """The next lines in blocks, as long as they look like the first one."""
        try:
            form = LineTables(parse_object(self._example), self._example)
        except Refused:
            return
        while form.active and (block := self.file.read(BLOCK)):
            end = block.rfind(b"\n") + 1
            table = form.table(block[:end]) if end else None
            self.file.seek((end if table else 0) - len(block), os.SEEK_CUR)
            if not table:
                return
            yield Together(partial(_same, table), partial(_records_of, block[:end], self.number + 1))
            self.number += len(table)


def _same(table: Any) -> Any:
    return table


def _records_of(block: bytes, number: int) -> Iterator[Record]:
    return (record for record, _ in _records(enumerate(block.splitlines(keepends=True), number)))


def _as_bytes(line: str) -> bytes | None:
    return None if line.startswith(CUT) else line.encode("utf-8", "surrogatepass")


class _Transcoded:
    """A text in another encoding as bytes of UTF-8; what could not be decoded is not valid UTF-8."""

    def __init__(self, text: TextIO) -> None:
        self.text = text

    def read(self, size: int) -> bytes:
        """Reads the bytes of up to `size` characters."""
        return self.text.read(size).encode("utf-8", "surrogatepass")


class _Objects:
    """Cuts a JSON text into the values of its array, or into the values that stand one after another.

    Args:
        file: The text.
        limit: Longest value in bytes.
    """

    def __init__(self, file: BinaryIO | _Transcoded, limit: int) -> None:
        self.file, self.limit = file, limit
        self.line = self.began = 1
        self.depth, self.quote = 0, -1
        self.in_array = self.in_string = self.too_long = self.ended = False
        self.kept = bytearray()

    def pieces(self) -> Iterator[Piece]:
        """The values with their lines; what is left over at the end is one that cannot be parsed."""
        skip = 0  # a byte behind a backslash, when it lies in the next chunk
        while chunk := self.file.read(_CHUNK):
            at = skip
            self._keep(chunk[:skip])
            while (found := self._next_sign(chunk, at)) >= 0:
                sign = chunk[found : found + 1]
                end = found + 1 + (sign == b"\\")
                self._keep(chunk[at:end])
                at = end
                if self._completes(sign):
                    yield from self._taken(sign)
            skip = max(0, at - len(chunk))
            self._keep(chunk[at:])
            self.quote = -1
        yield from self._taken(b"")

    def _next_sign(self, chunk: bytes, at: int) -> int:
        """Where the next character is that matters, -1 if there is none."""
        if not self.in_string:
            match = _OUTSIDE.search(chunk, at)
            return match.start() if match else -1
        if self.quote < at:
            self.quote = chunk.find(b'"', at)
            if self.quote < 0:
                self.quote = len(chunk)
        slash = chunk.find(b"\\", at, self.quote)
        return slash if slash >= 0 or self.quote == len(chunk) else self.quote

    def _keep(self, piece: bytes) -> None:
        if not self.kept and not self.too_long:
            blank = len(piece) - len(piece.lstrip())
            self.line += piece.count(b"\n", 0, blank)
            self.began, piece = self.line, piece[blank:]
        self.line += piece.count(b"\n")
        if not self.too_long:
            self.kept += piece
            self.too_long = len(self.kept) > self.limit
        if self.too_long:
            self.kept.clear()

    def _completes(self, sign: bytes) -> bool:
        """Follows the structure; says whether a value ends here."""
        if sign == b'"':
            self.in_string = not self.in_string
        elif self.in_string:
            return False
        elif sign in b"{[":
            if sign == b"[" and self.kept == b"[" and not self.in_array and not self.ended:
                self.in_array = True
                self.kept.clear()
                return False
            self.depth += 1
        elif sign in b"}]":
            self.depth -= 1
            self.ended = self.ended or self.depth < 0
            return self.depth < 0 or (self.depth == 0 and not self.in_array)
        return sign == b"," and self.depth == 0

    def _taken(self, sign: bytes) -> Iterator[Piece]:
        """The value that ends at `sign`, if there is one."""
        separated = self.in_array and sign in (b",", b"]") and self.depth <= 0
        text = bytes(self.kept[:-1] if separated or sign == b"," else self.kept)
        if self.too_long:
            yield self.began, None
        elif text.strip():
            yield self.began, text
        if self.depth < 0:
            self.in_array, self.depth = False, 0
        self.kept.clear()
        self.too_long = False
