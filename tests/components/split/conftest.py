"""A cleaned dataset that can be split as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.shared.datasets import Dataset, DatasetWriter
from components.shared.files import staged_directory
from components.shared.records import columns_of
from components.split.config import Config
from components.split.core import run


def write(directory, splits, meta=()):
    """Writes rows of text, label and meta values for each split; gives their ids by text."""
    with staged_directory(directory) as staged:
        writer, ids = DatasetWriter(staged, columns_of("classification", meta), splits), {}
        for split, rows in splits.items():
            for text, label, *values in rows:
                of_meta = {"meta": dict(zip(meta, values, strict=True))} if meta else {}
                ids[text] = writer.write({"text": text, "label": label, **of_meta}, split)
        writer.finish()
    return ids


@pytest.fixture
def write_rows():
    """Writes a dataset with these rows in each split."""
    return write


@pytest.fixture
def divided(tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """Splits rows of text, label and meta values, and gives what came of it."""

    def make(rows, clusters=(), counts=None, meta=(), **options):
        ids = write(tmp_path / "cleaned", {"all": rows}, meta)
        findings = tmp_path / "findings"
        findings.mkdir(exist_ok=True)
        (findings / "clusters.json").write_text(json.dumps([[ids[text] for text in cluster] for cluster in clusters]))
        numbers = {"rows_in": len(rows), "rows_out": len(rows), "copies": {"1": len(rows)}}
        numbers |= {
            "dropped": {},
            "changed": {},
            "personal_data": {},
            "distributions": {"language": {}},
            **(counts or {}),
        }
        (findings / "counts.json").write_text(json.dumps(numbers))
        outputs = {name: tmp_path / name for name in ("splits", "card", "report")}
        run(Config(cleaned=tmp_path / "cleaned", findings=findings, **outputs, **{"task": "classification", **options}))
        dataset = Dataset(tmp_path / "splits")
        return SimpleNamespace(
            dataset=dataset,
            rows={name: list(dataset.rows(name)) for name in dataset.manifest.splits},
            texts={name: [row["text"] for row in dataset.rows(name)] for name in dataset.manifest.splits},
            statistics=json.loads((tmp_path / "card" / "statistics.json").read_text()),
            card=(tmp_path / "card" / "README.md").read_text(),
            report=(tmp_path / "report").read_text(),
        )

    return make
