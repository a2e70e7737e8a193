"""Models of any task in memory, ready to be asked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from components.shared.errors import UserError

LONGEST: Final = 512
"""Length of what a model reads at once when its tokenizer does not tell."""
TIMED: Final = 6
"""Rows that are asked again by themselves, to see how long one takes."""


def load(directory: Path, auto_class: str) -> tuple[Any, Any]:
    """Model, in single precision, and tokenizer of a directory that `train` wrote; raises UserError without a model."""
    import torch
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()  # the progress shown is ours
    if not (directory / "config.json").exists():
        raise UserError("not a model directory (no config.json)", where=str(directory), remedy="run `train`")
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = getattr(transformers, auto_class).from_pretrained(directory, dtype=torch.float32, use_safetensors=True)
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def by_length(lengths: Sequence[int], batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Numbers of rows in batches of like length, the longest first: what does not fit in memory is told at once."""
    order = np.argsort(-np.asarray(lengths), kind="stable")
    yield from np.split(order, range(batch_size, len(order), batch_size))


def longest_of(tokenizer: Any) -> int:
    """Length of what a model reads at once; `train` writes it into the tokenizer."""
    return int(min(tokenizer.model_max_length, LONGEST))


def latency(rows: int, ask: Callable[[int], object], most: int = TIMED) -> float:
    """Seconds for one row by itself, the median of the first few.

    Args:
        rows: Number of rows.
        ask: Asks one, given its number.
        most: How many are asked.
    """
    times = []
    for number in range(min(rows, most)):
        began = time.perf_counter()
        ask(number)
        times.append(time.perf_counter() - began)
    return float(np.median(times)) if times else 0.0


def trained_option(directory: Path, name: str, default: Any) -> Any:
    """An option that the model was trained with, as its lineage tells."""
    try:
        return json.loads((directory / "lineage.json").read_bytes())["options"][name]
    except (OSError, ValueError, KeyError, TypeError):
        return default
