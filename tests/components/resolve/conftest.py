"""A source, a base model and a configuration that are right, to be spoilt by the tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.resolve.config import Config


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\ngood,1\nbad,0\n")
    return path


@pytest.fixture
def base_model(tmp_path: Path) -> Path:
    """A directory with the files of a model; its weights are one tensor of four bytes."""
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "config.json").write_text('{"model_type": "bert"}')
    (directory / "tokenizer.json").write_text("{}")
    header = json.dumps({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (directory / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    return directory


@pytest.fixture
def config(tmp_path: Path, source: Path, base_model: Path) -> Callable[..., Config]:
    """`config(**changes)` makes the configuration of a step that succeeds but for the changes."""

    def make(**changes: Any) -> Config:
        values = {
            "source": str(source),
            "base_model": str(base_model),
            "model_name": "reviews",
            "store": str(tmp_path / "store"),
            "parameters": "task: classification",
            "source_reference": tmp_path / "source_reference",
            "evaluation_reference": tmp_path / "evaluation_reference",
            "base_model_reference": tmp_path / "base_model_reference",
            "champion": tmp_path / "champion",
        }
        return Config(**{**values, **changes})

    return make
