"""What a random split of the raw source would have claimed.

Sources repeat themselves. A random split puts one copy of a text into train and another into test; the model
has then seen the answer. The test split here holds no such text, so it tells the truth; this module says how
far the usual claim would have been from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

NOT_TRAINED_ON = "beyond train_rows"
"""The reason by which `split` counts training rows that its option `train_rows` leaves out."""
MOST_SEEN_ROWS = 2000
"""The accuracy on seen texts is measured on so many training rows at most."""


def leaked_share(copies: Mapping[str, int], test_fraction: float) -> float:
    """Share of the test rows of a random split that have an exact copy in its train part.

    A row with c copies in the source (itself among them) has all others in the test part too with the
    probability test_fraction ** (c - 1); otherwise it leaks.

    Args:
        copies: Number of distinct texts, by the number of their copies.
        test_fraction: Share of the rows that the split would put aside.
    """
    rows = {int(count): int(count) * texts for count, texts in copies.items()}
    if not rows:
        return 0.0
    leaked = sum(number * (1 - test_fraction ** (count - 1)) for count, number in rows.items())
    return float(leaked / sum(rows.values()))


def fraction_for_test(statistics: Mapping[str, Any]) -> float:
    """Share of the rows that the split puts into the test part.

    Training rows left out to save time count too, those made of others do not.
    """
    rows = {name: split["rows"] - sum(split.get("made", {}).values()) for name, split in statistics["splits"].items()}
    return float(rows["test"] / (sum(rows.values()) + statistics.get("dropped", {}).get(NOT_TRAINED_ON, 0)))


def claim(share: float, seen_accuracy: float, unseen_accuracy: float) -> dict[str, float]:
    """What the leaking split would have claimed: seen texts as good as in training, the others as they are."""
    return {
        "leaking_split_share": share,
        "leaking_split_accuracy": share * seen_accuracy + (1 - share) * unseen_accuracy,
    }


def sample_rows(rows: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Numbers of the training rows to measure on, in order."""
    chosen = np.random.Generator(np.random.PCG64(seed)).permutation(rows)[:MOST_SEEN_ROWS]
    return np.sort(chosen)
