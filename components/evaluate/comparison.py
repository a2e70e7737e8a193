"""A model beside the champion, row by row on the same test split."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.evaluate.metrics import Bootstrap, Outcome, interval, scores

COMPARED = ("accuracy", "macro_f1")


def compare(challenger: Outcome, champion: Outcome, rounds: int, confidence: float, seed: int) -> dict[str, Any]:
    """Differences, challenger less champion, with paired bootstrap intervals and McNemar's exact test.

    McNemar's test asks whether the rows that only one of the two labels right fall to both alike (McNemar 1947);
    its p-value is two-sided and exact, from the binomial distribution.
    """
    from scipy.stats import binomtest

    own, other = scores(challenger), scores(champion)
    names = {label: index for index, label in enumerate(challenger.labels)}
    assert challenger.labels == champion.labels, names
    resampled = Bootstrap(challenger.truth, [challenger.predicted, champion.predicted], rounds, seed)
    differences = {}
    for metric in COMPARED:
        low, high = interval(resampled.samples(metric, 0) - resampled.samples(metric, 1), confidence)
        differences[metric] = {"value": own[metric] - other[metric], "low": low, "high": high}
    only_model = int(np.sum(challenger.right & ~champion.right))
    only_champion = int(np.sum(~challenger.right & champion.right))
    disagreements = only_model + only_champion
    return {
        "metrics": other,
        "difference": differences,
        "mcnemar_p": float(binomtest(only_model, disagreements).pvalue) if disagreements else 1.0,
        "only_model_right": only_model,
        "only_champion_right": only_champion,
    }
