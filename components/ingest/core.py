"""Turns a source into a dataset of canonical rows; what cannot be a row is rejected with its reason."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.ingest.config import Config, names, pairs
from components.ingest.readers import Record, read_records
from components.ingest.rejects import Rejects
from components.ingest.source import source_files
from components.shared.datasets import DatasetWriter
from components.shared.errors import UserError
from components.shared.files import staged_directory
from components.shared.progress import Progress
from components.shared.records import columns_of, defect
from components.shared.references import parse_reference
from components.shared.result import Result

LABEL_CHARS = 40


@dataclass(frozen=True)
class Mapper:
    """Makes rows of records, as the options say."""

    task: str
    text: str
    label: str
    labels: Mapping[str, str]
    meta: tuple[str, ...]
    where: Mapping[str, str]

    @classmethod
    def of(cls, config: Config) -> Mapper:
        """The mapper of a configuration."""
        return cls(
            task=config.task,
            text=config.text_column,
            label=config.label_column,
            labels=pairs(config.label_map, "ingest.label_map"),
            meta=names(config.meta_columns),
            where=pairs(config.where, "ingest.where"),
        )

    @property
    def wanted(self) -> list[str]:
        """The columns that a file must have."""
        return list(dict.fromkeys((self.text, self.label, *self.meta, *self.where)))

    def selects(self, record: Record) -> bool:
        """Whether the record is one of those that `where` keeps."""
        return all(_plain(record.values.get(column)) == value for column, value in self.where.items())

    def row(self, record: Record) -> tuple[dict[str, Any], str]:
        """The row of a record, and why it cannot be one (empty when it can)."""
        label = _label(record.values.get(self.label))
        row: dict[str, Any] = {"text": record.values.get(self.text), "label": label}
        if self.meta:
            row["meta"] = {column: _plain(record.values.get(column)) for column in self.meta}
        reason = defect(self.task, row)
        if not reason and self.labels:
            if label not in self.labels:
                return row, f"label {str(label)[:LABEL_CHARS]!r} is not in label_map"
            row["label"] = self.labels[label]
        return row, reason


def run(config: Config) -> Result:
    """Reads the source."""
    mapper = Mapper.of(config)
    with source_files(config) as files, staged_directory(config.raw) as directory:
        writer = DatasetWriter(directory, columns_of(config.task, mapper.meta))
        # The rejects are kept when there are too many of them: they show what to mend.
        with staged_directory(config.rejects) as rejects_directory, Rejects(rejects_directory) as rejects:
            labels = _read(files, mapper, writer, rejects)
        rejects.check_share(config.max_reject_share, config.rejects)
        _check_rows(labels, rejects, config)
        manifest = writer.finish()
    return Result(
        summary=(
            f"{rejects.accepted:,} rows from {len(files)} files, {rejects.rejected:,} rejected, "
            f"{rejects.left_out:,} left out by `where`"
        ),
        metadata={"raw": {"rows": rejects.accepted, "digest": manifest.digest, "rejected": rejects.rejected}},
    )


def _read(files: list[tuple[str, Path]], mapper: Mapper, writer: DatasetWriter, rejects: Rejects) -> Counter[str]:
    labels: Counter[str] = Counter()
    with Progress("reading", None, "records") as progress:
        for name, path in files:
            for record in read_records(path, name, mapper.wanted):
                progress.advance()
                if record.reason:
                    rejects.add(name, record, record.reason)
                    continue
                if not mapper.selects(record):
                    rejects.left_out += 1
                    continue
                row, reason = mapper.row(record)
                if reason:
                    rejects.add(name, record, reason)
                    continue
                writer.write(row)
                labels[row["label"]] += 1
                rejects.accepted += 1
    return labels


def _check_rows(labels: Counter[str], rejects: Rejects, config: Config) -> None:
    uri = parse_reference(config.source_reference).uri
    if not labels:
        if rejects.left_out:
            raise UserError(
                f"none of {rejects.left_out:,} records of {uri} has {config.where}",
                where="ingest.where",
                remedy="correct the value or leave it out",
            )
        raise UserError(f"{uri} holds no record", where="source", remedy="give a source that holds rows")
    if len(labels) == 1:
        raise UserError(
            f"all {labels.total():,} rows have the label {next(iter(labels))!r}",
            where=f"ingest.label_column {config.label_column!r}",
            remedy="give rows of at least two labels",
        )


def _label(value: Any) -> Any:
    text = _plain(value) if isinstance(value, str | int | float) else value
    return None if isinstance(text, str) and text.lower() in ("", "nan") else text


def _plain(value: Any) -> str:
    """A value as text, the same for a number whether a file format keeps it as 1, 1.0 or "1"."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
