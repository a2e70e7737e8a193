"""The checkpoint key: a hash of all that decides the numbers of a training, and of nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from components.shared import datasets, gguf, records
from components.shared.options import OPTION, fields_of
from components.train.config import Config

PLACEMENT: Final = ("threads", "checkpoint_seconds", "checkpoint_steps", "keep_checkpoints", "trackers")
"""Options that decide where and how safely is computed, and who is told; not what. Any other is part of the key."""
LIBRARIES: Final = ("accelerate", "numpy", "peft", "tokenizers", "torch", "transformers")
NOT_COMPUTING: Final = ("__main__.py", "component.py", "tracking.py", "tracked_runs.py", "others.py")


def checkpoint_key(config: Config, dataset_digest: str, base_model_pin: str) -> str:
    """The identity of a training: 128 bits, as hex digits."""
    parts = {
        "dataset": dataset_digest,
        "base_model": base_model_pin,
        "task": config.task,
        "options": {name: value for name, value in options(config).items() if name not in PLACEMENT},
        "sources": _sources_digest(),
        "libraries": versions(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def options(config: Config) -> dict[str, Any]:
    """All options of the training, by name."""
    names = fields_of(Config, OPTION)
    return {name: value for name, value in dataclasses.asdict(config).items() if name in names}


def versions() -> dict[str, str]:
    """Versions of the libraries that compute."""
    return {name: metadata.version(name) for name in LIBRARIES}


def _sources_digest() -> str:
    here = Path(__file__).parent
    sources = [path for path in sorted(here.rglob("*.py")) if path.name not in NOT_COMPUTING]
    sources += [Path(str(module.__file__)) for module in (datasets, gguf, records)]
    digest = hashlib.sha256()
    for path in sources:
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
