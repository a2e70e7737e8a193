"""What a classification model says of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.evaluate.models import latency, needs_code
from components.shared.progress import Progress

Probabilities = NDArray[np.float64]
"""One row for each text, one column for each label."""
CHUNK_ROWS = 4096
"""Texts are tokenized and sorted by length in chunks of so many, so that memory does not grow with them."""


class Classifier:
    """A model in memory, ready to label texts.

    Args:
        directory: As `train` writes it.
        allow_remote_code: Whether code that comes with it may be run.

    Raises:
        UserError: if the directory holds no model, or one that needs code which must not be run.
    """

    def __init__(self, directory: Path, *, allow_remote_code: bool = False) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # the progress shown is ours
        code = needs_code(directory, allowed=allow_remote_code)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=code)
        model = AutoModelForSequenceClassification.from_pretrained(
            directory, dtype=torch.float32, use_safetensors=True, trust_remote_code=code
        )
        self._model = model.eval().to(self._device)
        several = model.config.problem_type == "multi_label_classification"
        self._squash = torch.sigmoid if several else lambda logits: torch.softmax(logits, dim=-1)
        self.labels: list[str] = [model.config.id2label[index] for index in range(model.config.num_labels)]

    def probabilities(self, texts: Sequence[str], batch_size: int, what: str) -> Probabilities:
        """The probability of each label for each text; texts longer than the model takes are cut.

        Args:
            texts: The texts.
            batch_size: Rows computed at once.
            what: Name of the work in the progress.
        """
        import torch

        found = np.empty((len(texts), len(self.labels)))
        with torch.inference_mode(), Progress(what, len(texts), "texts") as progress:
            for start in range(0, len(texts), CHUNK_ROWS):
                encoded = self._tokenizer(list(texts[start : start + CHUNK_ROWS]), truncation=True)
                lengths = np.array([len(ids) for ids in encoded["input_ids"]])
                order = np.argsort(lengths, kind="stable")
                for batch in np.split(order, range(batch_size, len(order), batch_size)):
                    rows = [{name: encoded[name][row] for name in encoded} for row in batch]
                    inputs = self._tokenizer.pad(rows, return_tensors="pt").to(self._device)
                    logits = self._model(**inputs).logits.double()
                    found[start + batch] = self._squash(logits).cpu().numpy()
                    progress.advance(len(batch))
        return found

    def latency(self, texts: Sequence[str]) -> float:
        """Seconds for one text by itself, the median of the first few."""
        import torch

        def ask(number: int) -> None:
            inputs = self._tokenizer([texts[number]], truncation=True, return_tensors="pt").to(self._device)
            self._model(**inputs)

        with torch.inference_mode():
            return latency(len(texts), ask)


def predict(model_directory: Path, texts: Sequence[str], batch_size: int) -> tuple[Probabilities, list[str]]:
    """Labels texts with a model.

    Returns:
        The probability of each label for each text, and the labels in the order of the columns.

    Raises:
        UserError: if the directory holds no model.
    """
    classifier = Classifier(model_directory)
    return classifier.probabilities(texts, batch_size, "predicting"), classifier.labels
