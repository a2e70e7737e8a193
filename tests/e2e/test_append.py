"""Appended rows upload what they are and two shards more at most; the others are not even cleaned again."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from components.clean import core as cleaning
from components.clean.config import Config as Clean
from components.shared import datasets
from components.shared.datasets import Dataset, DatasetWriter
from components.shared.files import staged_directory
from components.shared.objects import open_store
from components.shared.records import columns_of
from components.split import core as splitting
from components.split.config import Config as Split
from components.version import core as versioning
from components.version.config import Config as Version

WORDS = [f"word{number}" for number in range(5000)]


def texts(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=12)) for _ in range(count)]


def write(directory: Path, rows: Sequence[str]) -> Dataset:
    with staged_directory(directory) as staged:
        writer = DatasetWriter(staged, columns_of("classification"))
        for number, text in enumerate(rows):
            writer.write({"text": text, "label": "ab"[number % 2]})
        writer.finish()
    return Dataset(directory)


def size_of(path: Path) -> int:
    return path.stat().st_size


@pytest.mark.slow
def test_an_append_uploads_two_shards_more_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version_config: Callable[..., Version], s3: str
) -> None:
    monkeypatch.setattr(datasets, "SHARD_ROWS", 16)
    store, task = str(tmp_path / "store"), "classification"

    def prepare(rows: Sequence[str]) -> tuple[str, dict[str, int]]:
        """What `clean` said, and the objects that the remote holds then, with their sizes."""
        at = {name: tmp_path / name for name in ("raw", "cleaned", "findings", "report", "splits", "parts", "plots")}
        write(at["raw"], rows)
        outputs = {name: at[name] for name in ("cleaned", "findings", "report")}
        said = cleaning.run(Clean(raw=at["raw"], task=task, store=store, processes=1, **outputs)).summary
        inputs = {name: at[name] for name in ("cleaned", "findings", "splits", "report")}
        splitting.run(Split(task=task, card=at["parts"], **inputs))
        versioning.run(version_config(splits=at["splits"], store=s3))
        remote = open_store(s3)
        return said, {key: remote.size(key) or 0 for key in remote.keys("dvc/") if not key.endswith(".dir")}

    rows = texts(2500, seed=0)
    _, before = prepare(rows)
    shards = [shard for split in Dataset(tmp_path / "splits").manifest.splits.values() for shard in split]
    assert len(shards) > 100
    for appended in (30, 500):
        new = texts(appended, seed=appended)
        parts = len(Dataset(tmp_path / "raw").manifest.splits["all"])
        rows += new
        said, after = prepare(rows)
        alone, manifest = write(tmp_path / "alone", new).manifest.splits["all"], 1
        assert len(after.keys() - before.keys()) <= len(alone) + 2 + manifest
        appended_bytes = sum(size_of(tmp_path / "alone" / shard.file) for shard in alone)
        two_more = sum(sorted(map(size_of, (tmp_path / "splits").rglob("*.parquet")))[-2:])
        uploaded = sum(after[key] for key in after.keys() - before.keys())
        assert uploaded <= appended_bytes + two_more + size_of(tmp_path / "splits" / "manifest.json")
        assert f"{parts - 1} of {len(Dataset(tmp_path / 'raw').manifest.splits['all'])} shards were cleaned" in said
        before = after
