"""Writes what `clean` gives: the kept rows as a dataset and what is known of their texts, dropped ones with reasons."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.clean.duplicates import Duplicates
from components.clean.findings import Findings
from components.clean.parts import part_rows
from components.clean.shingles import Places
from components.shared.datasets import DatasetWriter, json_text
from components.shared.kept_texts import kept_texts_writer
from components.shared.progress import Progress
from components.shared.texts import compared_text

DROPPED_FILE: Final = "dropped.jsonl"
_LINE: Final = b'{"id": %s, "text": %s, "label": %s, "reason": %s, "kept": %s}\n'


class Output:
    """Takes the parts in their order.

    Args:
        writer: Takes the kept rows.
        directory: Where the findings are written.
        scratch: A directory for intermediate files.
        findings: Takes examples.
        named: Numbers of kept rows whose ids are wanted.

    Attributes:
        ids: These ids, by number.
    """

    def __init__(
        self, writer: DatasetWriter, directory: Path, scratch: Path, findings: Findings, named: Sequence[int]
    ) -> None:
        self.writer, self.directory, self.findings = writer, directory, findings
        self.duplicates: Duplicates = findings.duplicates
        self.scratch = scratch
        self.named = np.array(sorted(named), np.int64)
        self.ids: dict[int, str] = {}

    def write(self, parts: Iterable[Path]) -> None:
        """Writes the rows of all parts, each of which is read before the next one is asked for."""
        total, begin = len(self.duplicates.reasons), 0
        with (
            (self.directory / DROPPED_FILE).open("wb") as dropped,
            (self.scratch / "stand-ins").open("w+b", buffering=0) as texts,
            kept_texts_writer(self.directory) as self.kept_texts,
            Progress("writing", total, "rows") as progress,
        ):
            self.stand_ins = _StandIns(texts, self.duplicates.kept_as)
            for part in parts:
                for rows, marks in part_rows(part):
                    self._write(begin, rows, marks, dropped)
                    begin += len(rows)
                    progress.advance(len(rows))

    def _write(self, begin: int, rows: pa.Table, marks: pa.Table, dropped: BinaryIO) -> None:
        reasons = self.duplicates.reasons[begin : begin + len(rows)]
        stand_ins = _within(self.stand_ins.rows, begin, len(rows))
        chosen = rows.take(np.array(stand_ins, np.int64) - begin)
        for number, row in zip(stand_ins, chosen.to_pylist(), strict=True):
            self.stand_ins.add(number, compared_text(row))
        for row in _within(self.named, begin, len(rows)):
            self.ids[row] = rows["id"][row - begin].as_py()
        kept = pa.array(reasons == 0)
        self.findings.distributions.add(rows, marks, kept)
        kept_texts = marks.select(["key", "size"]).filter(kept)
        self.kept_texts.write_table(kept_texts)
        self.writer.write_table(rows.filter(kept), kept_texts["size"].to_pylist())
        gone = np.flatnonzero(reasons)
        marks = marks.select(["raw_id", "label"]).take(gone)
        for place, row, mark in zip(gone.tolist(), rows.take(gone).to_pylist(), marks.to_pylist(), strict=True):
            self._drop(begin + place, row, mark, dropped)

    def _drop(self, number: int, row: Mapping[str, Any], mark: Mapping[str, Any], dropped: BinaryIO) -> None:
        text, label = compared_text(row), mark["label"]
        reason = self.duplicates.marks.reason_names[self.duplicates.reasons[number]]
        kept_as = int(self.duplicates.kept_as[number])
        kept = self.stand_ins.text(kept_as)
        self.findings.drop(text, label, reason, kept)
        self.findings.clusters.add(kept_as, text, kept)
        dropped.write(_LINE % tuple(map(json_text, (mark["raw_id"], text, label, reason, kept))))


class _StandIns:
    """Texts that are kept instead of later ones; they wait in a file.

    Attributes:
        rows: Numbers of their rows.
    """

    def __init__(self, file: FileIO, kept_as: npt.NDArray[np.int32]) -> None:
        self.rows: Places = np.unique(kept_as[kept_as >= 0]).astype(np.int64)
        self._places: Places = np.zeros(len(self.rows), np.int64)
        self._sizes: npt.NDArray[np.int32] = np.zeros(len(self.rows), np.int32)
        self._file, self._end = file, 0

    def add(self, row: int, text: str) -> None:
        place, data = np.searchsorted(self.rows, row), text.encode()
        self._places[place], self._sizes[place] = self._end, len(data)
        self._end += self._file.write(data)

    def text(self, row: int) -> str:
        """The text that stands for a row dropped as a duplicate; empty when none does."""
        if row < 0:
            return ""
        place = np.searchsorted(self.rows, row)
        return os.pread(self._file.fileno(), int(self._sizes[place]), int(self._places[place])).decode()


def _within(rows: Places, begin: int, count: int) -> list[int]:
    first, last = np.searchsorted(rows, [begin, begin + count])
    found: list[int] = rows[first:last].tolist()
    return found
