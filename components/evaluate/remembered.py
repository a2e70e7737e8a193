"""What models did on test rows, kept in the store under all that decides it: each is asked once.

predictions/<digest>/<key>.npz, beside what `prediction_cache` keeps of classifications
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import logging
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from components.evaluate.config import Config
from components.evaluate.prediction_cache import COMPUTES, sources_digest
from components.evaluate.tasks import Measured, Rows
from components.shared.objects import ObjectStore, open_store

log = logging.getLogger("evertune.evaluate")
SCORES: Final = ("sacrebleu", "rouge-score", "numpy")
TRAINED: Final = ("source_prefix", "max_target_tokens", "window_overlap")
"""Options of the training that a model is asked with."""


class Memory:
    """Asks models about the same rows, those of which the answers are in the store only once.

    Args:
        config: The options.
        rows: The test rows.
        labels: Labels of which the answers tell, in this order.
    """

    def __init__(self, config: Config, rows: Rows, labels: Sequence[str]) -> None:
        self._store: ObjectStore = open_store(config.store)
        self._config, self._rows, self._labels = config, rows, labels

    def ask(self, digest: str, lineage: Mapping[str, Any], measure: Callable[[], Measured]) -> Measured:
        """What a model did.

        Args:
            digest: Identity of the model.
            lineage: Its `lineage.json`.
            measure: Asks it.
        """
        key = f"predictions/{digest}/{self._key(lineage)}.npz"
        data = self._store.get(key)
        if data is not None:
            try:
                return from_bytes(data, len(self._rows))
            except ValueError as error:
                log.warning("%s/%s is computed again: %s", self._store.uri, key, error)
        found = measure()
        self._store.put(key, to_bytes(found))
        return found

    def _key(self, lineage: Mapping[str, Any]) -> str:
        config, options = self._config, lineage.get("options") or {}
        asked = {
            "task": config.task,
            "batch_size": config.batch_size,
            "seed": config.seed,
            "labels": list(self._labels),
            "options": {name: options.get(name) for name in TRAINED},
            "sources": sources_digest(),
            "libraries": {name: importlib.metadata.version(name) for name in (*COMPUTES, *SCORES)},
            "rows": list(self._rows),
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def to_bytes(measured: Measured) -> bytes:
    """As a NumPy archive, whose parts have checksums."""
    file = io.BytesIO()
    parts: dict[str, Any] = {
        "statistics": measured.statistics,
        "goodness": measured.goodness,
        "said": np.frombuffer(json.dumps(list(measured.said)).encode(), dtype=np.uint8),
        "times": np.array([measured.seconds, measured.latency]),
    }
    if measured.probabilities is not None:
        parts["probabilities"] = measured.probabilities
    np.savez_compressed(file, **parts)
    return file.getvalue()


def from_bytes(data: bytes, rows: int) -> Measured:
    """Reads what `to_bytes` wrote; raises ValueError for anything else or another number of rows."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as parts:
            seconds, latency = parts["times"].tolist()
            found = Measured(
                statistics=parts["statistics"],
                goodness=parts["goodness"],
                said=json.loads(parts["said"].tobytes()),
                probabilities=parts["probabilities"] if "probabilities" in parts.files else None,
                seconds=seconds,
                latency=latency,
            )
    except (zipfile.BadZipFile, KeyError, TypeError, OSError, EOFError) as error:
        raise ValueError(f"not answers: {error}") from error
    if not len(found.statistics) == len(found.goodness) == len(found.said) == rows:
        raise ValueError("not the answers to these rows")
    return found
