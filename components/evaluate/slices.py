"""How good the model is on parts of the test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluate.metrics import Outcome

QUANTILES = (0.25, 0.5, 0.75)
MOST_VALUES = 20
"""Of a column with more values, the most frequent ones are shown."""


def slices(result: Outcome, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows and accuracy by length quartile, by label and by each meta column.

    Args:
        result: What the model said.
        rows: The test rows, in the same order.
    """
    lengths = np.array([len(row["text"]) for row in rows])
    bounds = lengths_bounds(lengths)
    groups: dict[str, list[str]] = {
        "length": [length_name(length, bounds) for length in lengths],
        "label": [row["label"] for row in rows],
    }
    for column in rows[0].get("meta") or {}:
        groups[column] = [str(row["meta"][column]) for row in rows]
    return [one for name, values in groups.items() for one in _by_value(result, name, values)]


def _by_value(result: Outcome, name: str, values: Sequence[str]) -> list[dict[str, Any]]:
    array = np.array(values)
    found, counts = np.unique(array, return_counts=True)
    frequent = found[np.argsort(-counts, kind="stable")][:MOST_VALUES]
    return [
        {
            "slice": name,
            "value": str(value),
            "rows": int((array == value).sum()),
            "accuracy": float(result.right[array == value].mean()),
        }
        for value in sorted(frequent)
    ]


def lengths_bounds(lengths: NDArray[np.int64]) -> list[int]:
    """The lengths that part the rows into quarters."""
    return [int(bound) for bound in np.quantile(lengths, QUANTILES)]


def length_name(length: int, bounds: Sequence[int]) -> str:
    """Name of the quarter that a length belongs to."""
    quartile = int(np.searchsorted(bounds, length, side="left"))
    if quartile == 0:
        return f"1. up to {bounds[0]} characters"
    if quartile == len(bounds):
        return f"{quartile + 1}. over {bounds[-1]} characters"
    return f"{quartile + 1}. {bounds[quartile - 1] + 1} to {bounds[quartile]} characters"
