"""Runs `ingest` on files given as texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.ingest.config import Config
from components.ingest.core import run
from components.shared.datasets import Dataset
from components.shared.references import pin_local

Ingest = Callable[..., SimpleNamespace]


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    """`ingest(files, **options)` writes the files, reads them and gives rows, rejects and counts."""

    def read(files: Mapping[str, str | bytes], /, **options: Any) -> SimpleNamespace:
        root = tmp_path / "source"
        root.mkdir(exist_ok=True)
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return read_reference(str(pin_local(str(root), "source")), **options)

    def read_reference(reference: str, **options: Any) -> SimpleNamespace:
        settings = {"max_reject_share": 1.0, "task": "classification", **options}
        outputs = {name: tmp_path / name for name in ("raw", "evaluation_texts", "rejects")}
        config = Config(source_reference=reference, **outputs, **settings)
        run(config)
        dataset = Dataset(config.raw)
        rejects = [json.loads(line) for line in (config.rejects / "rejects.jsonl").read_text().splitlines()]
        return SimpleNamespace(
            rows=[{name: row[name] for name in dataset.columns} for row in dataset.rows()],
            digest=dataset.manifest.digest,
            rejects=[(reject["file"], reject["line"], reject["reason"]) for reject in rejects],
            counts=json.loads((config.rejects / "counts.json").read_text()),
        )

    read.reference = read_reference  # type: ignore[attr-defined]
    return read
