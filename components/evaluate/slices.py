"""How good the model is on parts of the test split."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluate.metrics import Outcome
from components.evaluate.tasks import Measured, Measurer, Rows

QUANTILES = (0.25, 0.5, 0.75)
MOST_LETTERS = 1000
SCRIPTS = (
    (0x0000, "Latin"),
    (0x0370, "Greek"),
    (0x0400, "Cyrillic"),
    (0x0530, "other"),
    (0x0590, "Hebrew"),
    (0x0600, "Arabic"),
    (0x0780, "other"),
    (0x0900, "Devanagari"),
    (0x0980, "other"),
    (0x0E00, "Thai"),
    (0x0E80, "other"),
    (0x1E00, "Latin"),
    (0x1F00, "Greek"),
    (0x2000, "other"),
    (0x3040, "Kana"),
    (0x3130, "Hangul"),
    (0x3190, "Chinese"),
    (0xA000, "other"),
    (0xAC00, "Hangul"),
    (0xD7B0, "other"),
    (0xF900, "Chinese"),
    (0xFB00, "other"),
    (0x20000, "Chinese"),
)
"""The first letter of each block of Unicode, and the script of that block."""
_FIRST = [first for first, _ in SCRIPTS]
MOST_VALUES = 20
"""Of a column with more values, the most frequent ones are shown."""
Chosen = NDArray[np.bool_]


def slices(result: Outcome, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows and accuracy by length quartile, by label, by script and by each meta column.

    Args:
        result: What the model said.
        rows: The test rows, in the same order.
    """
    groups = groups_of([row["text"] for row in rows], rows) | {"label": [row["label"] for row in rows]}
    return _by_group(groups, lambda chosen: {"accuracy": float(result.right[chosen].mean())})


def task_slices(measurer: Measurer, rows: Rows, models: Mapping[str, Measured]) -> list[dict[str, Any]]:
    """Rows and main metric by length quartile, by script and by each meta column.

    Args:
        measurer: Knows the task.
        rows: The test rows.
        models: What each model did, by what its metrics are named with in front: nothing for the one evaluated.
    """

    def measure(chosen: Chosen) -> dict[str, float]:
        sums = {who: one.statistics[chosen].sum(axis=0, keepdims=True) for who, one in models.items()}
        return {f"{who}{measurer.main}": float(measurer.metrics(one)[measurer.main][0]) for who, one in sums.items()}

    return _by_group(groups_of([measurer.shown(row)[0] for row in rows], rows), measure)


def groups_of(texts: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The slice of each row, by what they are cut by: length, script where there are several, each meta column.

    Args:
        texts: What was asked in each row.
        rows: The rows.
    """
    lengths = np.array([len(text) for text in texts])
    bounds = lengths_bounds(lengths)
    groups = {"length": [length_name(length, bounds) for length in lengths]}
    scripts = [script_of(text) for text in texts]
    if len(set(scripts)) > 1:
        groups["script"] = scripts
    for column in rows[0].get("meta") or {}:
        values = [str(row["meta"][column]) for row in rows]
        if any(values):  # what tells of made rows is empty here
            groups[column] = values
    return groups


def script_of(text: str) -> str:
    """The script that a text is written in, which tells many languages apart; of a mixed one the commonest."""
    letters = Counter(bisect.bisect(_FIRST, ord(letter)) - 1 for letter in text[:MOST_LETTERS] if letter.isalpha())
    return SCRIPTS[letters.most_common(1)[0][0]][1] if letters else "none"


def _by_group(
    groups: Mapping[str, Sequence[str]], measure: Callable[[Chosen], Mapping[str, float]]
) -> list[dict[str, Any]]:
    return [one for name, values in groups.items() for one in _by_value(name, np.array(values), measure)]


def _by_value(
    name: str, values: NDArray[np.str_], measure: Callable[[Chosen], Mapping[str, float]]
) -> list[dict[str, Any]]:
    found, counts = np.unique(values, return_counts=True)
    frequent = found[np.argsort(-counts, kind="stable")][:MOST_VALUES]
    return [
        {"slice": name, "value": str(value), "rows": int((values == value).sum()), **measure(values == value)}
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
    first, last = bounds[quartile - 1] + 1, bounds[quartile]
    return f"{quartile + 1}. {f'{first} to ' if first < last else ''}{last} characters"
