"""Runs `clean` on rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.clean.config import Config
from components.clean.core import run
from components.shared import datasets
from components.shared.datasets import Dataset, DatasetWriter
from components.shared.files import staged_directory
from components.shared.records import columns_of
from tests.components.clean.cleaner import Cleaner

Clean = Callable[..., SimpleNamespace]


@pytest.fixture
def clean(tmp_path: Path) -> Clean:
    """`clean([(text, label), ...], **options)` gives texts kept, (text, reason) dropped, clusters as texts, counts."""

    def process(rows: Iterable[tuple[str, str]], **options: Any) -> SimpleNamespace:
        with staged_directory(tmp_path / "raw") as directory:
            writer = DatasetWriter(directory, columns_of("classification"))
            for text, label in rows:
                writer.write({"text": text, "label": label})
            writer.finish()
        outputs = {name: tmp_path / name for name in ("cleaned", "findings", "report")}
        run(Config(raw=tmp_path / "raw", task="classification", **outputs, **options))
        kept = list(Dataset(tmp_path / "cleaned").rows())
        text_of = {row["id"]: row["text"] for row in kept}
        findings = tmp_path / "findings"
        dropped = [json.loads(line) for line in (findings / "dropped.jsonl").read_text().splitlines()]
        clusters = json.loads((findings / "clusters.json").read_text())
        return SimpleNamespace(
            texts=[row["text"] for row in kept],
            dropped=[(row["text"], row["reason"]) for row in dropped],
            clusters=[[text_of[row] for row in cluster] for cluster in clusters],
            counts=json.loads((findings / "counts.json").read_text()),
            report=(tmp_path / "report").read_text(),
        )

    return process


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of 64 rows, more or less."""
    monkeypatch.setattr(datasets, "SHARD_ROWS", 64)


@pytest.fixture
def cleaner(tmp_path: Path, small_shards: None) -> Cleaner:
    """Cleans texts in many small shards."""
    return Cleaner(tmp_path)
