"""Reads csv a block at a time with Arrow's parser, as far as it certainly reads what the exact reader would.

Arrow is quick and forgiving: it takes `"a"b` for a field. So the quotes of each block are checked first, and reading
stops before the first record about which there is any doubt; the exact reader goes on from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO, Final

from components.ingest.long_fields import LONG, QUOTED, LongFields, bare
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
        self._sound = _sound_records(re.escape(delimiter))
        self._long: LongFields | None = None

    def records(self) -> Iterator[Together]:
        """The records of each block, as many as can be read like this."""
        rest = b""
        while chunk := self.file.read(BLOCK - len(rest)):
            block = rest + chunk
            table, end, line_ends = self._parsed(block)
            if table is None:
                return
            yield Together(partial(_same, table), partial(self._records, table, self.line, line_ends > 0))
            self.offset, self.line = self.offset + end, self.line + len(table) + line_ends
            if not self._long and end > LONG * len(table) * len(self.header):
                self._long = LongFields(self.header, self.delimiter)
            rest = block[end:]

    def _parsed(self, block: bytes) -> tuple[Any, int, int]:
        """The sound records at the beginning of a block, the bytes they take, and the line ends in their fields.

        Without a table where the exact reader has to go on.
        """
        import pyarrow as pa

        if len(self.header) == 1:  # where a blank line would be a record
            return None, 0, 0
        try:
            table, end, line_ends = self._long.table(block) if self._long else self._by_arrow(block)
        except pa.ArrowInvalid:
            return None, 0, 0
        if not end or (b"\r" in block and block.count(b"\r", 0, end) != block.count(b"\r\n", 0, end)):
            return None, 0, 0
        return table, end, line_ends

    def _records(self, table: Any, line: int, spread: bool) -> Iterator[Record]:
        """The records of a block, one by one; `spread` over several lines some of them."""
        for values in zip(*(column.to_pylist() for column in table.columns), strict=True):
            lines = 1 + sum([value.count("\n") for value in values]) if spread else 1
            yield Record(line, dict(zip(self.header, values, strict=True)), "", lines)
            line += lines

    def _by_arrow(self, block: bytes) -> tuple[Any, int, int]:
        import pyarrow as pa
        from pyarrow import csv

        sound = self._sound.match(block)
        end = sound.end() if sound else 0
        if not end:  # which Arrow takes for an error
            return None, 0, 0
        table = csv.read_csv(
            pa.BufferReader(block[:end]),
            csv.ReadOptions(use_threads=False, block_size=end + 1, column_names=self.header),
            csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            csv.ConvertOptions(column_types=dict.fromkeys(self.header, pa.string()), strings_can_be_null=False),
        )
        line_ends = block.count(b"\n", 0, end) - len(table)
        if line_ends and line_ends != sum(map(_line_ends, table.columns)):
            return None, 0, 0  # blank lines: the exact reader counts them
        return table, end, line_ends


def _same(table: Any) -> Any:
    return table


def _sound_records(delimiter: str) -> re.Pattern[bytes]:
    """Matches whole records in which quotes stand around fields, doubled inside of them, or inside of a bare field."""
    field = f'(?:"{QUOTED}"|{bare(delimiter)}|)'
    return re.compile(rf"(?:{field}(?:{delimiter}{field})*+\r?\n)*+".encode())


def _line_ends(column: Any) -> int:
    """How many line ends the texts of a column hold."""
    from pyarrow import compute

    return int(compute.sum(compute.count_substring(column, "\n")).as_py() or 0)
