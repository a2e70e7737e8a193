"""What an evaluation reads of a model directory, and the files that it writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from components.evaluate.config import Config
from components.shared.files import staged_directory, write_atomically
from components.shared.models import canonical_json


def write_all(
    config: Config,
    evaluation: Mapping[str, Any],
    numbers: Mapping[str, Any],
    view: Mapping[str, Any],
    predictions: Callable[[Path], None],
) -> None:
    """Writes the evaluation, its predictions, the main numbers, and what Kubeflow shows of a classification."""
    with staged_directory(config.evaluation) as staged:
        write_atomically(staged / "metrics.json", canonical_json(evaluation))
        predictions(staged / "predictions.parquet")
    config.metrics.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(config.metrics, canonical_json(numbers))
    config.classification.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(config.classification, canonical_json(view))


def weights_size(model: Path) -> int:
    """Bytes of the weights."""
    return sum(path.stat().st_size for path in model.glob("*.safetensors"))


def read_json(path: Path) -> dict[str, Any]:
    """The content of a file; empty when there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return found
