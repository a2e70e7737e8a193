"""Sequences of different lengths as one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pad(sequences: Sequence[NDArray[Any]], fill: int, left: bool = False) -> Any:
    """A tensor of whole numbers with one line for each sequence, filled up to the longest.

    Args:
        sequences: The numbers of each line.
        fill: What is put beside the shorter ones.
        left: Whether it is put before them.
    """
    import torch

    width = max(map(len, sequences))
    lines = np.full((len(sequences), width), fill, dtype=np.int64)
    for line, sequence in zip(lines, sequences, strict=True):
        line[width - len(sequence) if left else 0 :][: len(sequence)] = sequence
    return torch.from_numpy(lines)
