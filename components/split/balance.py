"""Makes the labels of the train set alike: by leaving rows out, by repeating rows, or by weights for training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from components.split.assignment import Assignment
from components.split.draws import TRAIN

UNDERSAMPLED: Final = "beyond the balance of labels"


def undersample(assignment: Assignment, labels: Sequence[str]) -> None:
    """Drops train rows until each label has as many as the rarest; those with the largest hashes go.

    Args:
        assignment: Where they are dropped.
        labels: The label of each row.
    """
    by_label = _by_label(assignment, labels)
    least = min(map(len, by_label.values()), default=0)
    for rows in by_label.values():
        assignment.drop(assignment.ranked(rows, "undersample")[least:], UNDERSAMPLED)


def repeats(assignment: Assignment, labels: Sequence[str]) -> dict[int, int]:
    """How often each train row of a rare label is to be repeated so that it has as many as the most frequent one."""
    by_label = _by_label(assignment, labels)
    most = max(map(len, by_label.values()), default=0)
    found: dict[int, int] = {}
    for rows in by_label.values():
        times, rest = divmod(most - len(rows), len(rows))
        for place, row in enumerate(assignment.ranked(rows, "oversample")):
            if again := times + (place < rest):
                found[row] = again
    return found


def class_weights(labels: Mapping[str, int]) -> dict[str, float]:
    """The weights that `train` computes with `class_weights: balanced`: rows / labels / rows of the label."""
    rows = sum(labels.values())
    return {label: round(rows / len(labels) / count, 4) for label, count in labels.items() if count}


def _by_label(assignment: Assignment, labels: Sequence[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in assignment.rows_of(TRAIN):
        found.setdefault(labels[row], []).append(row)
    return found
