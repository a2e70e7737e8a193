"""What a classification model says of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.shared.errors import UserError
from components.shared.progress import Progress

Probabilities = NDArray[np.float64]
"""One row for each text, one column for each label."""
CHUNK_ROWS = 4096
"""Texts are tokenized and sorted by length in chunks of so many, so that memory does not grow with them."""


def predict(
    model_directory: Path, texts: Sequence[str], batch_size: int, what: str = "predicting"
) -> tuple[Probabilities, list[str]]:
    """Labels texts with a model.

    Args:
        model_directory: As `train` writes it.
        texts: The texts; those longer than the model takes are cut.
        batch_size: Rows computed at once.
        what: Name of the work in the progress.

    Returns:
        The probability of each label for each text, and the labels in the order of the columns.

    Raises:
        UserError: if the directory holds no model.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # the progress shown is ours
    if not (model_directory / "config.json").exists():
        raise UserError("not a model directory (no config.json)", where=str(model_directory), remedy="run `train`")
    tokenizer = AutoTokenizer.from_pretrained(model_directory)
    model = AutoModelForSequenceClassification.from_pretrained(model_directory, use_safetensors=True).eval()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    labels = [model.config.id2label[index] for index in range(model.config.num_labels)]
    probabilities = np.empty((len(texts), len(labels)))
    with torch.inference_mode(), Progress(what, len(texts), "texts") as progress:
        for start in range(0, len(texts), CHUNK_ROWS):
            encoded = tokenizer(list(texts[start : start + CHUNK_ROWS]), truncation=True)
            lengths = np.array([len(ids) for ids in encoded["input_ids"]])
            order = np.argsort(lengths, kind="stable")
            for batch in np.split(order, range(batch_size, len(order), batch_size)):
                rows = [{name: encoded[name][row] for name in encoded} for row in batch]
                inputs = tokenizer.pad(rows, return_tensors="pt").to(device)
                logits = model(**inputs).logits.double()
                probabilities[start + batch] = torch.softmax(logits, dim=-1).cpu().numpy()
                progress.advance(len(batch))
    return probabilities, labels
