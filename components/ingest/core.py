"""Turns sources into a dataset of canonical rows; what cannot be a row is rejected with its reason."""

from __future__ import annotations

import ctypes
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Protocol

from components.ingest.config import Config
from components.ingest.evaluation_texts import write_evaluation_texts
from components.ingest.known_files import FileReading, KnownFiles
from components.ingest.mapper import Mapper
from components.ingest.mixing import WaitingWriter, mixed
from components.ingest.readers import plain_name, read_records
from components.ingest.record import Reading, Record, Together
from components.ingest.rejects import Reject, Rejects
from components.ingest.row_ids import identified
from components.ingest.source import Source, Sources
from components.ingest.tables import TableMapper
from components.shared.datasets import DatasetWriter, arrow_schema
from components.shared.errors import UserError
from components.shared.files import staged_directory
from components.shared.progress import Progress
from components.shared.references import parse_reference, split_sources
from components.shared.result import Result
from components.shared.source_files import Pattern, SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

COUNTED: Final = 64
"""Records that are counted at once."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Names of settings in glibc's malloc.h."""


class Sink(Protocol):
    """Takes rows, one by one or many together."""

    def write(self, row: dict[str, Any]) -> None:
        """Takes a row."""

    def write_table(self, table: pa.Table, sizes: Sequence[int]) -> None:
        """Takes the rows of a table, with their ids, and the bytes of each in its canonical form."""


def run(config: Config) -> Result:
    """Reads the sources."""
    _keep_freed_memory()
    mapper = Mapper(config)
    write_evaluation_texts(config)
    with tempfile.TemporaryDirectory() as scratch, staged_directory(config.raw) as directory:
        writer = _Labelled(DatasetWriter(directory, mapper.columns))
        # The rejects are kept when there are too many of them: they show what to mend.
        with staged_directory(config.rejects) as rejects_directory, Rejects(rejects_directory) as rejects:
            intake = _Intake(config, mapper, rejects, Path(scratch))
            intake.read_all(writer)
        rejects.check_share(config.max_reject_share, config.rejects)
        _check_rows(writer.labels, rejects, config, intake.empty)
        manifest = writer.writer.finish()
    rows = manifest.rows("all")
    left_out = f"{rejects.left_out:,} left out by `where`"
    mixed_out = f", {rejects.accepted - rows:,} by the weights" if rejects.accepted > rows else ""
    return Result(
        summary=f"{rows:,} rows from {intake.files} files ({intake.read} read), {rejects.rejected:,} rejected, "
        f"{left_out}{mixed_out}",
        metadata={"raw": {"rows": rows, "digest": manifest.digest, "rejected": rejects.rejected}},
    )


def _keep_freed_memory() -> None:
    """Lets the C library hold what is freed for the next block; otherwise each page of it costs a page fault again.

    Arrow's pool gives it back to the system, and so does glibc with large pieces unless it is told not to.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    tell = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if tell:
        tell(_TRIM_THRESHOLD, 256 << 20)
        tell(_MMAP_THRESHOLD, 32 << 20)


class _Labelled:
    """Writes rows and counts their labels."""

    def __init__(self, writer: DatasetWriter) -> None:
        self.writer = writer
        self.labels: Counter[str] = Counter()

    def write(self, row: dict[str, Any]) -> None:
        self.labels[row.get("label", "")] += 1
        self.writer.write(row)

    def write_table(self, table: pa.Table, sizes: Sequence[int]) -> None:
        if "label" in table.column_names:
            counted = table["label"].value_counts().to_pylist()
            self.labels.update({one["values"]: one["counts"] for one in counted})
        else:
            self.labels[""] += len(table)
        self.writer.write_table(table, sizes)


class _Intake:
    """Reads all files of all sources.

    Attributes:
        files: Files of the sources so far.
        read: Those among them that were not known.
        empty: A source with a weight and without a row.
    """

    def __init__(self, config: Config, mapper: Mapper, rejects: Rejects, scratch: Path) -> None:
        self.mapper, self.rejects, self.scratch = mapper, rejects, scratch
        self.tables = TableMapper(mapper, arrow_schema(mapper.columns).remove(0))
        self.sources = Sources(
            config, config.source_reference, "ingest.source_reference", Pattern(config.files), scratch
        )
        self.known = KnownFiles(config, mapper.columns, scratch)
        self.reading = Reading(
            wanted=mapper.wanted,
            encoding=config.encoding,
            max_bytes=config.max_record_mb << 20,
            whole_texts=config.whole_texts,
            file_format=config.file_format,
        )
        self.files, self.read, self.empty = 0, 0, ""

    def read_all(self, sink: Sink) -> None:
        """Writes the rows of all sources, mixed when they have weights."""
        waiting = []
        with Progress("reading", None, "records") as self.progress:
            for number, source in enumerate(self.sources.open()):
                if source.weight is None:
                    self._read_source(source, sink)
                    continue
                kept = WaitingWriter(source.weight, self.scratch / f"waiting-{number}", self.mapper.columns)
                self._read_source(source, kept)
                waiting.append(kept.finish())
                self.empty = self.empty or ("" if waiting[-1].keys else source.name)
        if waiting:
            for row in mixed(waiting):
                sink.write(row)

    def _read_source(self, source: Source, sink: Sink) -> None:
        for file in source.files:
            self.files += 1
            reading = self.known.find(file, source.name)
            if reading:
                self._repeat(reading, sink)
            else:
                self.read += 1
                reading = self._read_file(file, source.name, sink)
            self.rejects.accepted += reading.accepted
            self.rejects.left_out += reading.left_out

    def _repeat(self, reading: FileReading, sink: Sink) -> None:
        """Takes over what was read before."""
        for table, sizes in self.known.tables():
            self.progress.advance(len(table))
            sink.write_table(table, sizes)
        for reject in reading.rejects:
            self.rejects.add(reject)

    def _read_file(self, file: SourceFile, source: str, sink: Sink) -> FileReading:
        reading, recorder = FileReading(), self.known.recorder()
        try:
            self._read_parts(file, source, [sink, recorder] if recorder else [sink], reading)
        except FileNotFoundError:
            file.check()  # in words for people, if it is the file that vanished
            raise
        if recorder:
            recorder.close()
            self.known.keep(file, source, reading)
        return reading

    def _read_parts(self, file: SourceFile, source: str, sinks: Sequence[Sink], reading: FileReading) -> None:
        for part in self.sources.contents(file):
            if part.reason:
                self._reject(part.name, Record(0, {}), part.reason, reading)
                continue
            path = PurePosixPath(part.name)
            place = {"file": PurePosixPath(plain_name(path.name)).stem, "folder": path.parent.name, "source": source}
            found = read_records(part.path, part.name, self.reading)
            for number, record in enumerate(self._left_over(found, place, sinks, reading), 1):
                if number % COUNTED == 0:
                    self.progress.advance(COUNTED)
                row = self._row(record, part.name, place, reading)
                if row is not None:
                    for sink in sinks:
                        sink.write(row)

    def _left_over(
        self, found: Iterator[Record | Together], place: dict[str, str], sinks: Sequence[Sink], reading: FileReading
    ) -> Iterator[Record]:
        """Takes whole tables of records where that is possible; gives the records to take one by one."""
        for one in found:
            if isinstance(one, Record):
                yield one
                continue
            table = one.table() if self.tables.active else None
            rows = None if table is None else self.tables.rows(table, place)
            if table is None or rows is None:
                yield from one.records()
                continue
            self.progress.advance(len(table))
            reading.accepted += len(rows)
            reading.left_out += len(table) - len(rows)
            made = identified(rows, self.mapper.columns)
            for sink in sinks:
                sink.write_table(*made)

    def _row(self, record: Record, name: str, place: dict[str, str], reading: FileReading) -> dict[str, Any] | None:
        """The row of a record; None for one that is rejected or left out, which is noted."""
        if record.reason:
            self._reject(name, record, record.reason, reading)
            return None
        if self.mapper.where and not self.mapper.selects(record, place):
            reading.left_out += 1
            return None
        row, reason = self.mapper.row(record, place)
        if reason:
            self._reject(name, record, reason, reading)
            return None
        reading.accepted += 1
        return row

    def _reject(self, name: str, record: Record, reason: str, reading: FileReading) -> None:
        reject = Reject.of(name, record, reason)
        self.rejects.add(reject)
        reading.reject(reject)


def _check_rows(labels: Counter[str], rejects: Rejects, config: Config, empty: str) -> None:
    if not labels:
        raise _nothing(rejects, config, empty)
    if config.task == "classification" and len(labels) == 1:
        raise UserError(
            f"all {labels.total():,} rows have the label {next(iter(labels))!r}",
            where=f"ingest.label_column {config.label_column!r}",
            remedy="give rows of at least two labels",
        )


def _nothing(rejects: Rejects, config: Config, empty: str) -> UserError:
    """Why there is no row."""
    references = (parse_reference(text) for _, text in split_sources(config.source_reference, "source"))
    uri = ", ".join(reference.uri for reference in references)
    if rejects.left_out:
        what, where = f"none of {rejects.left_out:,} records of {uri} has {config.where}", "ingest.where"
        return UserError(what, where=where, remedy="correct the value or leave it out")
    if empty and rejects.accepted:
        return UserError(f"{empty} has no row to mix with others", where="source", remedy="mend it or leave it out")
    if rejects.rejected:
        what = f"all {rejects.rejected:,} records of {uri} are rejected: {rejects.named()}"
        return UserError(what, where="source", remedy="mend them, or the options that say what they are")
    return UserError(f"{uri} holds no record", where="source", remedy="give a source that holds rows")
