"""Cleans rows, drops what should not be trained on, and says which kept rows are alike.

The cleaned rows wait in a scratch dataset until all were seen; only hashes of the texts are held in memory.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

from components.clean.config import Config
from components.clean.duplicates import Duplicates
from components.clean.findings import Findings, write_json
from components.clean.operations import Operations
from components.clean.report import write_report
from components.shared.datasets import ALL, Dataset, DatasetWriter
from components.shared.errors import UserError
from components.shared.files import staged_directory
from components.shared.manifest import Manifest
from components.shared.progress import track
from components.shared.records import columns_of
from components.shared.result import Result
from components.shared.texts import cleaned, compared_text, label_of

RAW_ID: Final = "raw_id"


def run(config: Config) -> Result:
    """Cleans the raw dataset."""
    columns_of(config.task)
    raw, operations, duplicates, findings = Dataset(config.raw), Operations(config), Duplicates(config), Findings()
    with (
        tempfile.TemporaryDirectory() as scratch,
        staged_directory(config.cleaned) as kept,
        staged_directory(config.findings) as directory,
    ):
        _clean_rows(raw, Path(scratch), operations, duplicates)
        duplicates.decide()
        manifest, ids = _write_kept(Dataset(Path(scratch)), raw, kept, directory, duplicates, findings)
        clusters = [[ids[row] for row in (*earlier, later)] for later, earlier in duplicates.ties().items()]
        counts = findings.counts(operations.changed, operations.personal, duplicates.copies())
        write_json(directory / "clusters.json", clusters)
        write_json(directory / "counts.json", counts)
        _check_labels(counts, config.task)
        write_report(config.report, counts, findings, len(clusters))
    dropped = counts["rows_in"] - counts["rows_out"]
    return Result(
        summary=f"{counts['rows_out']:,} of {counts['rows_in']:,} rows kept, {dropped:,} dropped",
        metadata={"cleaned": {"rows": counts["rows_out"], "digest": manifest.digest, "dropped": dropped}},
    )


def _clean_rows(raw: Dataset, scratch: Path, operations: Operations, duplicates: Duplicates) -> None:
    writer = DatasetWriter(scratch, {**raw.columns, RAW_ID: "string"})
    for row in track(raw.rows(), "cleaning", raw.manifest.rows(ALL), "rows"):
        made = cleaned(row, operations.clean)
        duplicates.add(compared_text(made), label_of(made), operations.defect(made))
        writer.write({**made, RAW_ID: row["id"]})
    writer.finish()


def _write_kept(
    waiting: Dataset, raw: Dataset, kept_rows: Path, directory: Path, duplicates: Duplicates, findings: Findings
) -> tuple[Manifest, dict[int, str]]:
    """Writes kept and dropped rows; gives the ids of the kept ones by number."""
    writer, ids = DatasetWriter(kept_rows, raw.columns), {}
    stand_ins = dict.fromkeys(duplicates.kept_as.values(), "")
    with (directory / "dropped.jsonl").open("w", encoding="utf-8") as dropped:
        for number, row in enumerate(_rows(waiting)):
            raw_id, text, label = row.pop(RAW_ID), compared_text(row), label_of(row)
            if number in stand_ins:
                stand_ins[number] = text
            reason = duplicates.reasons[number]
            if reason:
                kept = stand_ins.get(duplicates.kept_as.get(number, -1), "")
                findings.drop(text, label, reason, kept)
                _write_line(dropped, {"id": raw_id, "text": text, "label": label, "reason": reason, "kept": kept})
            else:
                findings.keep(text, label)
                ids[number] = writer.write(row)
    return writer.finish(), ids


def _rows(waiting: Dataset) -> Iterator[dict[str, Any]]:
    for row in track(waiting.rows(), "writing", waiting.manifest.rows(ALL), "rows"):
        del row["id"]
        yield row


def _write_line(file: TextIO, value: dict[str, Any]) -> None:
    file.write(json.dumps(value, ensure_ascii=False) + "\n")


def _check_labels(counts: dict[str, Any], task: str) -> None:
    if len(counts["labels_out"]) > (1 if task == "classification" else 0):
        return
    reasons = ", ".join(f"{reason} ({rows:,})" for reason, rows in counts["dropped"].items()) or "none"
    left = next(iter(counts["labels_out"]), None)
    raise UserError(
        f"only rows of the label {left!r} are left" if left else f"none of {counts['rows_in']:,} rows is left",
        where="clean",
        remedy=f"give other texts or milder options; rows dropped: {reasons}",
    )
