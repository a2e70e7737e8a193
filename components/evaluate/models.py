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
from components.shared.remote_code import check_remote_code

LONGEST: Final = 512
"""Length of what a model reads at once when its tokenizer does not tell."""
UNTOLD: Final = 10**9
"""A tokenizer that does not tell says a greater number."""
TIMED: Final = 6
"""Rows that are asked again by themselves, to see how long one takes."""


def needs_code(directory: Path, *, allowed: bool) -> bool:
    """Whether a model directory needs code of its own; raises UserError if it does and must not, or is none."""
    if not (directory / "config.json").exists():
        raise UserError("not a model directory (no config.json)", where=str(directory), remedy="run `train`")
    name = directory.name
    return check_remote_code(directory, name, allowed=allowed, where="model", option="evaluate.allow_remote_code")


def load(directory: Path, auto_class: str, *, allow_remote_code: bool = False) -> tuple[Any, Any]:
    """Model, in single precision, and tokenizer of a directory that `train` wrote.

    Args:
        directory: The directory.
        auto_class: Name of the transformers class that loads the model.
        allow_remote_code: Whether code that comes with it may be run.

    Raises:
        UserError: if it holds no model, or one that needs code which must not be run.
    """
    import torch
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()  # the progress shown is ours
    code = needs_code(directory, allowed=allow_remote_code)
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory, trust_remote_code=code)
    model = getattr(transformers, auto_class).from_pretrained(
        directory, dtype=torch.float32, use_safetensors=True, trust_remote_code=code
    )
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer


def by_length(lengths: Sequence[int], batch_size: int) -> Iterator[NDArray[np.int64]]:
    """Numbers of rows in batches of like length, the longest first: what does not fit in memory is told at once."""
    order = np.argsort(-np.asarray(lengths), kind="stable")
    yield from np.split(order, range(batch_size, len(order), batch_size))


def longest_of(tokenizer: Any) -> int:
    """Length of what a model reads at once; `train` writes it into the tokenizer."""
    told = tokenizer.model_max_length
    return int(told) if told < UNTOLD else LONGEST


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
