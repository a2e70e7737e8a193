"""Cuts csv into fields with one regular expression: where they are long, sooner than Arrow's parser."""

from __future__ import annotations

import re
from typing import Any, Final

LONG: Final = 400
"""Mean bytes of a field from which on this is quicker; with fields of 4 bytes it takes six times as long."""
QUOTED: Final = r'[^"]*+(?:""[^"]*+)*+'
"""What stands between the quotes around a field, doubled those inside."""


class LongFields:
    """Cuts blocks of csv.

    Args:
        header: Names of the columns, two or more.
        delimiter: What stands between fields.
    """

    def __init__(self, header: list[str], delimiter: str) -> None:
        self.header = header
        sign = re.escape(delimiter)
        record = sign.join([f'(?:"({QUOTED})"|({bare(sign)}|))'] * len(header))
        # What follows the sound records is one last match.
        self._records = re.compile(rf"{record}\r?\n|([\s\S]+)".encode())

    def table(self, block: bytes) -> tuple[Any, int, int]:
        """The records at the beginning of a block, the bytes they take, and the line ends in their fields.

        Raises:
            pyarrow.ArrowInvalid: if they are not UTF-8.
        """
        import pyarrow as pa

        found = self._records.findall(block)
        rest = found.pop()[-1] if found and found[-1][-1] else b""
        columns = []
        for place in range(0, 2 * len(self.header), 2):
            values = [_single(one[place]) if one[place] else one[place + 1] for one in found]
            columns.append(pa.array(values, pa.binary()).cast(pa.string()))
        end = len(block) - len(rest)
        return pa.Table.from_arrays(columns, self.header), end, block.count(b"\n", 0, end) - len(found)


def bare(delimiter: str) -> str:
    """Matches a field without quotes around it; they may stand inside.

    Args:
        delimiter: As a regular expression has it.
    """
    return rf'[^"{delimiter}\r\n][^{delimiter}\r\n]*+'


def _single(text: bytes) -> bytes:
    """The text of a quoted field, whose doubled quotes are found sooner one by one than as pairs."""
    return b'"'.join(text.split(b'"')[::2]) if b'"' in text else text
