"""Turns sources into a dataset of canonical rows; what cannot be a row is rejected with its reason."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Protocol

from components.ingest.config import Config
from components.ingest.evaluation_texts import write_evaluation_texts
from components.ingest.kept_writer import KeptWriter
from components.ingest.known_files import FileReading, KnownFiles
from components.ingest.mapper import Mapper
from components.ingest.mixing import WaitingWriter, mixed
from components.ingest.readers import plain_name, read_records
from components.ingest.record import Reading, Record, Together
from components.ingest.rejects import Reject, Rejects
from components.ingest.row_ids import identified
from components.ingest.source import Source, Sources
from components.ingest.tables import TableMapper
from components.shared.datasets import arrow_schema
from components.shared.errors import UserError
from components.shared.files import scratch_directory, staged_directory
from components.shared.freed_memory import keep_freed_memory
from components.shared.progress import Progress
from components.shared.references import parse_reference, split_sources
from components.shared.result import Result
from components.shared.shard_files import StoredRows
from components.shared.source_files import Pattern, SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

COUNTED: Final = 64
"""Records that are counted at once."""


class Sink(Protocol):
    """Takes rows, one by one or many together."""

    def write(self, row: dict[str, Any]) -> object:
        """Takes a row."""

    def write_table(self, table: pa.Table, sizes: Sequence[int]) -> None:
        """Takes the rows of a table, with their ids, and the bytes of each in its canonical form."""

    def write_stored(self, rows: StoredRows) -> None:
        """Takes rows that lie in a shard."""

    def end_file(self, key: str, reading: FileReading) -> None:
        """Notes that all rows of a file were taken, what was read of it, and what that is kept by."""


def run(config: Config) -> Result:
    """Reads the sources."""
    keep_freed_memory()
    mapper = Mapper(config)
    write_evaluation_texts(config)
    with tempfile.TemporaryDirectory() as scratch, _staged(config.raw) as (directory, kept):
        known = KnownFiles(config, kept)
        writer = KeptWriter(directory, mapper.columns, known)
        # The rejects are kept when there are too many of them: they show what to mend.
        with staged_directory(config.rejects) as rejects_directory, Rejects(rejects_directory) as rejects:
            intake = _Intake(config, mapper, rejects, known, Path(scratch))
            intake.read_all(writer)
        rejects.check_share(config.max_reject_share, config.rejects)
        _check_rows(intake.labels, rejects, config, intake.empty)
        manifest = writer.finish()
    rows = manifest.rows("all")
    left_out = f"{rejects.left_out:,} left out by `where`"
    mixed_out = f", {rejects.accepted - rows:,} by the weights" if rejects.accepted > rows else ""
    return Result(
        summary=f"{rows:,} rows from {intake.files} files ({intake.read} read), {rejects.rejected:,} rejected, "
        f"{left_out}{mixed_out}",
        metadata={"raw": {"rows": rows, "digest": manifest.digest, "rejected": rejects.rejected}},
    )


@contextmanager
def _staged(raw: Path) -> Iterator[tuple[Path, Path]]:
    """Gives a directory for the dataset, and one for kept shards, which lie on the same file system."""
    with scratch_directory(raw) as kept, staged_directory(raw) as directory:
        yield directory, kept


class _Intake:
    """Reads all files of all sources.

    Attributes:
        files: Files of the sources so far.
        read: Those among them that were not known.
        empty: A source with a weight and without a row.
        labels: How many rows have each label.
    """

    def __init__(self, config: Config, mapper: Mapper, rejects: Rejects, known: KnownFiles, scratch: Path) -> None:
        self.mapper, self.rejects, self.known, self.scratch = mapper, rejects, known, scratch
        self.tables = TableMapper(mapper, arrow_schema(mapper.columns).remove(0))
        self.sources = Sources(
            config, config.source_reference, "ingest.source_reference", Pattern(config.files), scratch
        )
        self.reading = Reading(
            wanted=mapper.wanted,
            encoding=config.encoding,
            max_bytes=config.max_record_mb << 20,
            whole_texts=config.whole_texts,
            file_format=config.file_format,
        )
        self.files, self.read, self.empty = 0, 0, ""
        self.labels: Counter[str] = Counter()

    def read_all(self, sink: Sink) -> None:
        """Writes the rows of all sources, mixed when they have weights."""
        waiting = []
        with Progress("reading", None, "records") as self.progress:
            for number, source in enumerate(self.sources.open()):
                if source.weight is None:
                    self.labels += self._read_source(source, sink)
                    continue
                place = self.scratch / f"waiting-{number}"
                kept = WaitingWriter(source.weight, place, self.mapper.columns, self.known)
                self._read_source(source, kept)
                waiting.append(kept.finish())
                self.empty = self.empty or ("" if waiting[-1].keys else source.name)
        for row in mixed(waiting) if waiting else ():
            self.labels[row.get("label", "")] += 1
            sink.write(row)

    def _read_source(self, source: Source, sink: Sink) -> Counter[str]:
        """Writes the rows of a source; gives how many have each label."""
        labels: Counter[str] = Counter()
        for file in source.files:
            self.files += 1
            key = self.known.key(file, source.name)
            reading = self.known.find(key, file.name)
            if reading:
                self._repeat(reading, sink)
            else:
                self.read += 1
                reading = self._read_file(file, source.name, sink)
            sink.end_file(key, reading)
            self.rejects.accepted += reading.accepted
            self.rejects.left_out += reading.left_out
            labels += reading.labels
        return labels

    def _repeat(self, reading: FileReading, sink: Sink) -> None:
        """Takes over what was read before."""
        for rows in self.known.rows(reading):
            self.progress.advance(rows.end - rows.begin)
            sink.write_stored(rows)
        for reject in reading.rejects:
            self.rejects.add(reject)

    def _read_file(self, file: SourceFile, source: str, sink: Sink) -> FileReading:
        reading = FileReading()
        try:
            self._read_parts(file, source, sink, reading)
        except FileNotFoundError:
            file.check()  # in words for people, if it is the file that vanished
            raise
        return reading

    def _read_parts(self, file: SourceFile, source: str, sink: Sink, reading: FileReading) -> None:
        for part in self.sources.contents(file):
            if part.reason:
                self._reject(part.name, Record(0, {}), part.reason, reading)
                continue
            path = PurePosixPath(part.name)
            place = {"file": PurePosixPath(plain_name(path.name)).stem, "folder": path.parent.name, "source": source}
            found = read_records(part.path, part.name, self.reading)
            for number, record in enumerate(self._left_over(found, place, sink, reading), 1):
                if number % COUNTED == 0:
                    self.progress.advance(COUNTED)
                row = self._row(record, part.name, place, reading)
                if row is not None:
                    reading.labels[row.get("label", "")] += 1
                    sink.write(row)

    def _left_over(
        self, found: Iterator[Record | Together], place: dict[str, str], sink: Sink, reading: FileReading
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
            _count_labels(rows, reading.labels)
            sink.write_table(*identified(rows, self.mapper.columns))

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


def _count_labels(table: pa.Table, labels: Counter[str]) -> None:
    for one in table["label"].value_counts().to_pylist():
        labels[one["values"]] += one["counts"]


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
