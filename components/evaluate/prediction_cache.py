"""Predictions, kept in the store under all that decides them: a model answers the same texts once.

predictions/<model digest>/<key>.npz

So a champion is not asked again by each evaluation, and the one evaluation that follows a promotion loads no model.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import logging
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from components.evaluate.predictions import Classifier, Probabilities
from components.shared.objects import ObjectStore

log = logging.getLogger("evertune.evaluate")
COMPUTES: Final = ("torch", "transformers", "tokenizers")


@dataclass(frozen=True)
class Predictions:
    """What a model says of texts.

    Attributes:
        labels: The labels that it knows.
        probabilities: One row for each text, one column for each label.
        seconds: Time that it took, when it was computed.
        latency: Seconds for one text by itself, then.
    """

    labels: list[str]
    probabilities: Probabilities
    seconds: float
    latency: float

    def to_bytes(self) -> bytes:
        """As a NumPy archive, whose parts have checksums."""
        file = io.BytesIO()
        times = np.array([self.seconds, self.latency])
        np.savez(file, labels=np.array(self.labels), probabilities=self.probabilities, times=times)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, rows: int) -> Predictions:
        """Reads what `to_bytes` wrote; raises ValueError for anything else or another number of rows."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as parts:
                found = cls(parts["labels"].tolist(), parts["probabilities"], *parts["times"].tolist())
        except (zipfile.BadZipFile, KeyError, TypeError, OSError, EOFError) as error:
            raise ValueError(f"not predictions: {error}") from error
        if found.probabilities.shape != (rows, len(found.labels)):
            raise ValueError("not the predictions of these texts")
        return found


class CachedClassifier:
    """A model that is loaded only when the store does not know what it says.

    Args:
        digest: Identity of the model.
        load: Loads it.
        store: Where predictions are kept.
        batch_size: Rows computed at once.
    """

    def __init__(self, digest: str, load: Callable[[], Classifier], store: ObjectStore, batch_size: int) -> None:
        self._digest, self._load, self._store, self._batch_size = digest, load, store, batch_size
        self._loaded: Classifier | None = None

    def predict(self, texts: Sequence[str], what: str) -> Predictions:
        """What the model says of these texts, in their order.

        Args:
            texts: The texts.
            what: Name of the work in the progress.
        """
        key = f"predictions/{self._digest}/{self._key(texts)}.npz"
        data = self._store.get(key)
        if data is not None:
            try:
                return Predictions.from_bytes(data, len(texts))
            except ValueError as error:
                log.warning("%s/%s is computed again: %s", self._store.uri, key, error)
        found = self._compute(texts, what)
        self._store.put(key, found.to_bytes())
        return found

    def _compute(self, texts: Sequence[str], what: str) -> Predictions:
        if self._loaded is None:
            self._loaded = self._load()
        began = time.monotonic()
        probabilities = self._loaded.probabilities(texts, self._batch_size, what)
        seconds = time.monotonic() - began
        return Predictions(self._loaded.labels, probabilities, seconds, self._loaded.latency(texts))

    def _key(self, texts: Sequence[str]) -> str:
        """Of the texts and of what else decides the last digit of a probability."""
        versions = {name: importlib.metadata.version(name) for name in COMPUTES}
        asked = {"batch_size": self._batch_size, "sources": sources_digest(), **versions}
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
        for text in texts:
            encoded = text.encode()
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.hexdigest()


@cache
def sources_digest() -> str:
    """Of the code that asks: what other code was told may mean something else."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in (*sorted((here / "tasks").glob("*.py")), here / "models.py", here / "predictions.py"):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
