"""Splits the cleaned rows into train, validation and test sets without leakage."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from components.shared.datasets import ALL, Dataset, DatasetWriter
from components.shared.errors import UserError
from components.shared.files import staged_directory, write_atomically
from components.shared.manifest import Manifest
from components.shared.progress import track
from components.shared.records import columns_of, text_key
from components.shared.result import Result
from components.shared.texts import compared_text, label_of
from components.split.assignment import SPLITS, Assignment
from components.split.card import data_card
from components.split.config import Config
from components.split.leakage import check_labels, check_no_leak
from components.split.report import write_report
from components.split.statistics import SplitStatistics, statistics


def run(config: Config) -> Result:
    """Splits the cleaned dataset."""
    columns_of(config.task)
    cleaned = Dataset(config.cleaned)
    clusters: list[list[str]] = _read_json(config.findings / "clusters.json")
    cleaning: dict[str, Any] = _read_json(config.findings / "counts.json")
    if cleaning["rows_out"] != cleaned.manifest.rows(ALL):
        raise UserError("these are the findings of another dataset", where="split.findings", remedy="run `clean` again")
    assignment = _assign(config, cleaned, clusters)
    dropped = Counter(filter(None, assignment.reasons))
    with staged_directory(config.splits) as splits, staged_directory(config.card) as card:
        manifest, numbers_of = _write(cleaned, assignment, splits)
        if config.task == "classification":
            check_labels({name: split.labels for name, split in numbers_of.items()})
        check_no_leak(Dataset(splits), clusters)
        numbers = statistics(numbers_of, cleaning, dropped)
        write_atomically(card / "statistics.json", (json.dumps(numbers, ensure_ascii=False, indent=1) + "\n").encode())
        write_atomically(card / "README.md", data_card(config, manifest, numbers).encode())
        write_report(config.report, numbers, numbers_of, dropped)
    rows = {name: manifest.rows(name) for name in SPLITS}
    return Result(
        summary=", ".join(f"{number:,} rows for {name}" for name, number in rows.items()),
        metadata={"splits": {**rows, "digest": manifest.digest}},
    )


def _assign(config: Config, cleaned: Dataset, clusters: list[list[str]]) -> Assignment:
    alike: dict[str, list[str]] = {}
    for *earlier, later in clusters:
        alike.setdefault(later, []).extend(earlier)
    assignment = Assignment(config)
    number_of: dict[str, int] = {}
    for number, row in enumerate(track(cleaned.rows(), "assigning", cleaned.manifest.rows(ALL), "rows")):
        tied = [number_of[other] for other in alike.get(row["id"], ()) if other in number_of]
        assignment.add(text_key(compared_text(row)), tied)
        number_of.setdefault(row["id"], number)
    assignment.cap_train()
    return assignment


def _write(cleaned: Dataset, assignment: Assignment, directory: Path) -> tuple[Manifest, dict[str, SplitStatistics]]:
    writer = DatasetWriter(directory, cleaned.columns, SPLITS)
    numbers = {name: SplitStatistics() for name in SPLITS}
    for number, row in enumerate(track(cleaned.rows(), "writing", cleaned.manifest.rows(ALL), "rows")):
        if not assignment.reasons[number]:
            split = assignment.split_of(number)
            del row["id"]
            writer.write(row, split)
            numbers[split].add(compared_text(row), label_of(row))
    return writer.finish(), numbers


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"cannot be read ({error})", where=str(path), remedy="run `clean` again") from error
