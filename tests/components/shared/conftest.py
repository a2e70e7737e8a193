"""Fixtures of the tests of shared code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from components.shared.objects import ObjectStore, open_store


@pytest.fixture(params=["s3", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store, in S3 and in a directory."""
    return open_store(request.getfixturevalue("s3") if request.param == "s3" else str(tmp_path / "store"))


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    """Writes a model directory with these weights."""

    def write(weights: str = "weights", card: str = "a card") -> Path:
        directory = tmp_path / f"model-{len(list(tmp_path.iterdir()))}"
        (directory / "tokenizer").mkdir(parents=True)
        (directory / "model.safetensors").write_text(weights)
        (directory / "tokenizer" / "vocab.txt").write_text("[PAD]\n")
        (directory / "README.md").write_text(card)
        return directory

    return write
