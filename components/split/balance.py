"""Makes the labels of the train set alike: by leaving rows out, by repeating rows, or by weights for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np

from components.split.assignment import Assignment
from components.split.draws import TRAIN
from components.split.ties import Rows

UNDERSAMPLED: Final = "beyond the balance of labels"


def undersample(assignment: Assignment) -> None:
    """Drops train rows until each label has as many as the rarest; those with the largest hashes go."""
    by_label = _by_label(assignment)
    least = min(map(len, by_label), default=0)
    for rows in by_label:
        assignment.drop(assignment.ranked(rows, "undersample")[least:], UNDERSAMPLED)


def repeats(assignment: Assignment) -> dict[int, int]:
    """How often each train row of a rare label is to be repeated so that it has as many as the most frequent one."""
    by_label = _by_label(assignment)
    most = max(map(len, by_label), default=0)
    found: dict[int, int] = {}
    for rows in by_label:
        times, rest = divmod(most - len(rows), len(rows))
        for place, row in enumerate(assignment.ranked(rows, "oversample").tolist()):
            if again := times + (place < rest):
                found[row] = again
    return found


def class_weights(labels: Mapping[str, int]) -> dict[str, float]:
    """The weights that `train` computes with `class_weights: balanced`.

    Args:
        labels: Rows of each label; of rows with several, each of theirs counts (see `single_labels`).
    """
    rows = sum(labels.values())
    return {label: round(rows / len(labels) / count, 4) for label, count in labels.items() if count}


def single_labels(labels: Mapping[str, int]) -> dict[str, int]:
    """Rows of each label, from rows of each set of labels, which are written with commas."""
    counts: Counter[str] = Counter()
    for several, rows in labels.items():
        for label in filter(None, several.split(",")):
            counts[label] += rows
    return dict(sorted(counts.items()))


def _by_label(assignment: Assignment) -> list[Rows]:
    """The train rows of each label."""
    rows = assignment.rows_of(TRAIN)
    codes = np.array(assignment.deciding.labels.codes)[rows]
    return [rows[codes == code] for code in np.unique(codes)]
