"""What kfp and the containers print: all of it into a file, the steps' own lines to the person."""

from __future__ import annotations

import io
import re
import sys
from typing import Final, TextIO

_STARTED: Final = re.compile(r"Executing task \S*?'([\w-]+)'")
_OF_KFP: Final = re.compile(r"\d\d:\d\d:\d\d\.\d+ - [A-Z]+ - ")
_OF_STEP: Final = re.compile(r"\d\d:\d\d:\d\d \w+: ")
_COLOUR: Final = re.compile(r"\x1b\[\d*m")


class Log(io.TextIOBase):
    """Stands in for standard output while kfp runs.

    Attributes:
        step: The step whose container was started last.
        last: What that container said last.
    """

    def __init__(self, file: TextIO) -> None:
        self.step, self.last = "", ""
        self._file, self._shown, self._rest = file, sys.stdout, ""

    def write(self, text: str) -> int:
        """Takes text in pieces of any length."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._take(_COLOUR.sub("", line))
        return len(text)

    def flush(self) -> None:
        """Writes to the file what it holds back."""
        self._file.flush()

    def _take(self, line: str) -> None:
        self._file.write(line + "\n")
        if started := _STARTED.search(line):
            self.step, self.last = started[1], ""
            self._file.flush()
        elif line.strip() and not _OF_KFP.match(line):
            self.last = line.strip()
            if _OF_STEP.match(self.last):
                print(self.last, file=self._shown, flush=True)
