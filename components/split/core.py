"""Splits the cleaned rows into train, validation and test sets without leakage."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.shared.datasets import ALL, Dataset
from components.shared.errors import UserError
from components.shared.files import staged_directory, write_atomically
from components.shared.freed_memory import keep_freed_memory
from components.shared.manifest import Manifest, read_manifest
from components.shared.progress import track
from components.shared.records import columns_of
from components.shared.result import Result
from components.shared.texts import COMPARED, compared_text, compared_texts
from components.split.assignment import DISPUTED, Assignment
from components.split.balance import repeats, undersample
from components.split.card import data_card
from components.split.cleaned_rows import CleanedRows
from components.split.config import Config
from components.split.draws import SPLITS, TEST, TRAIN
from components.split.enlarged import Enlarger, words_key
from components.split.falls import Falls
from components.split.leakage import check_labels, check_no_leak, check_rows
from components.split.memory import check_memory
from components.split.report import write_report
from components.split.statistics import statistics
from components.split.ties import ties_of, whole_clusters
from components.split.traits import Traits
from components.split.writing import write


def run(config: Config) -> Result:
    """Splits the cleaned dataset."""
    keep_freed_memory()
    columns_of(config.task)
    cleaning: dict[str, Any] = _read_json(config.findings / "counts.json")
    _check_findings(cleaning, read_manifest(config.cleaned))
    check_memory(config, Dataset(config.cleaned))
    clusters: list[list[str]] = _read_json(config.findings / "clusters.json")
    cleaned = CleanedRows(config.cleaned, config.findings)
    traits = Traits(config, cleaned.columns)
    assignment, enlarger = assign(config, cleaned, clusters, traits, cleaning.get("disputed", ()))
    falls = Falls(assignment)
    dropped = assignment.dropped()
    with staged_directory(config.splits) as splits, staged_directory(config.card) as card:
        manifest, numbers_of, sketch = write(cleaned, assignment, enlarger, falls, splits)
        check_rows({name: manifest.rows(name) for name in SPLITS}, config.frozen_test)
        if config.task == "classification":
            check_labels({name: split.labels for name, split in numbers_of.items()})
        check_no_leak(Dataset(splits), clusters, traits.group if traits.group_column else None, cleaned.columns)
        numbers = statistics(numbers_of, cleaning, dropped) | {"clusters": falls.to_json()}
        if config.tokenizer:
            numbers["tokens"] = _tokens(config, Dataset(splits))
        write_atomically(card / "statistics.json", (json.dumps(numbers, ensure_ascii=False, indent=1) + "\n").encode())
        write_atomically(card / "README.md", data_card(config, manifest, numbers).encode())
        write_atomically(card / "sample.json", (json.dumps(sketch.to_json(), ensure_ascii=False) + "\n").encode())
        write_report(config, numbers, numbers_of, dropped, falls, enlarger.examples)
    rows = {name: manifest.rows(name) for name in SPLITS}
    return Result(
        summary=", ".join(f"{number:,} rows for {name}" for name, number in rows.items()),
        metadata={"splits": {**rows, "digest": manifest.digest}},
    )


def assign(
    config: Config,
    cleaned: CleanedRows,
    clusters: Sequence[Sequence[str]],
    traits: Traits,
    disputed: Sequence[int] = (),
) -> tuple[Assignment, Enlarger]:
    """Decides where each row goes, and what train rows are made of others.

    Args:
        config: The configuration.
        cleaned: The rows.
        clusters: Lists of ids that must stay together.
        traits: Reads what else decides.
        disputed: Numbers of rows whose duplicates have other labels: no row leaves the test set, not for that either.
    """
    deciding = traits.read(track(cleaned.deciding(), "assigning", cleaned.manifest.rows(ALL), "rows"))
    ties = ties_of(cleaned, clusters, deciding)
    if config.folds:  # so that each row is in the test set of one fold
        ties = whole_clusters(ties, cleaned.manifest.rows(ALL))
    assignment = Assignment(config, cleaned.keys, ties, deciding)
    rows = np.array(disputed, np.int64)
    assignment.drop(rows[assignment.splits(rows) != SPLITS.index(TEST)], DISPUTED)
    assignment.cap_train()
    if config.balance == "undersample":
        undersample(assignment)
    again = repeats(assignment) if config.balance == "oversample" else {}
    return assignment, Enlarger(config, again, _protected(cleaned, assignment) if config.augment else ())


def _tokens(config: Config, splits: Dataset) -> dict[str, Any]:
    """Numbers about the tokens of what was written; the library is loaded only when they are asked for."""
    from components.split.tokens import TokenCounter

    counter = TokenCounter(config.tokenizer, config.max_tokens)
    for split in SPLITS:
        for row in splits.rows(split):
            counter.add(split, compared_text(row))
    return counter.summary()


def _protected(cleaned: CleanedRows, assignment: Assignment) -> set[bytes]:
    """Hashes of the words of the texts of the other splits."""
    others = (assignment.reasons == 0) & (assignment.splits(slice(None)) != SPLITS.index(TRAIN))
    found, begin = set[bytes](), 0
    for table in cleaned.tables(columns=[name for name in COMPARED if name in cleaned.columns]):
        chosen = table.filter(others[begin : begin + len(table)])
        found.update(map(words_key, compared_texts(chosen).to_pylist() if len(chosen) else ()))
        begin += len(table)
    return found


def _check_findings(cleaning: Mapping[str, Any], manifest: Manifest) -> None:
    told = (cleaning.get("digest", manifest.digest), cleaning["rows_out"])
    if told != (manifest.digest, manifest.rows(ALL)):
        raise UserError("these are the findings of another dataset", where="split.findings", remedy="run `clean` again")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UserError(f"cannot be read ({error})", where=str(path), remedy="run `clean` again") from error
