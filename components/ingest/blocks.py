"""Reads csv a block at a time with Arrow's parser, as far as it certainly reads what the exact reader would.

Arrow is quick and forgiving: it takes `"a"b` for a field. So the quotes of each block are checked first, and reading
stops before the first record about which there is any doubt; the exact reader goes on from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO, Final

from components.ingest.record import Record, Together

BLOCK: Final = 1 << 19
"""Bytes that are read at a time; less than the shortest limit of a record."""


class Blocks:
    """The records of a csv file in UTF-8, from a line end on.

    Args:
        file: Where the records begin.
        header: Names of the columns.
        delimiter: What stands between fields.
        line: Number of the first line.

    Attributes:
        offset: Where the exact reader has to go on.
        line: The line there.
    """

    def __init__(self, file: BinaryIO, header: list[str], delimiter: str, line: int) -> None:
        self.file, self.header, self.delimiter = file, header, delimiter
        self.offset, self.line = file.tell(), line
        self._stopped = False
        self._sound = _sound_records(re.escape(delimiter))

    def records(self) -> Iterator[Together]:
        """The records of each block, as many as can be read like this."""
        rest = b""
        while chunk := self.file.read(BLOCK - len(rest)):
            block = rest + chunk
            sound = self._sound.match(block)
            end = sound.end() if sound else 0
            yield from self._parsed(block[:end])
            if not end or self._stopped:
                return
            rest = block[end:]

    def _parsed(self, block: bytes) -> Iterator[Together]:
        table = self._table(block) if block else None
        if table is None:
            self._stopped = True
            return
        ends = block.count(b"\n")
        spread = ends != table.num_rows
        if spread and ends != table.num_rows + sum(map(_line_ends, table.columns)):
            self._stopped = True  # blank lines: the exact reader counts them
            return
        yield Together(lambda: table, partial(self._records, table, self.line, spread))
        self.offset, self.line = self.offset + len(block), self.line + ends

    def _records(self, table: Any, line: int, spread: bool) -> Iterator[Record]:
        """The records of a block, one by one; `spread` over several lines some of them."""
        for values in zip(*(column.to_pylist() for column in table.columns), strict=True):
            lines = 1 + sum([value.count("\n") for value in values]) if spread else 1
            yield Record(line, dict(zip(self.header, values, strict=True)), "", lines)
            line += lines

    def _table(self, block: bytes) -> Any:
        """The block as a table; None if it is not as wide as its header everywhere, or not UTF-8."""
        import pyarrow as pa
        from pyarrow import csv

        if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
            return None
        if len(self.header) == 1:  # where a blank line would be a record
            return None
        try:
            return csv.read_csv(
                pa.BufferReader(block),
                csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=self.header),
                csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                csv.ConvertOptions(column_types=dict.fromkeys(self.header, pa.string()), strings_can_be_null=False),
            )
        except pa.ArrowInvalid:
            return None


def _sound_records(delimiter: str) -> re.Pattern[bytes]:
    """Matches whole records in which quotes stand around fields, doubled inside of them, or inside of a bare field."""
    quoted, bare = r'"[^"]*+(?:""[^"]*+)*+"', rf'[^"{delimiter}\r\n][^{delimiter}\r\n]*+'
    field = f"(?:{quoted}|{bare}|)"
    return re.compile(rf"(?:{field}(?:{delimiter}{field})*+\r?\n)*+".encode())


def _line_ends(column: Any) -> int:
    """How many line ends the texts of a column hold."""
    from pyarrow import compute

    return int(compute.sum(compute.count_substring(column, "\n")).as_py() or 0)
