"""A model beside another one, row by row on the same test split."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.evaluate.metrics import Bootstrap, Outcome, interval, scores

COMPARED = ("accuracy", "macro_f1")


def compare(own: Outcome, other: Outcome, rounds: int, confidence: float, seed: int, who: str) -> dict[str, Any]:
    """Differences, the model less the other one, with paired bootstrap intervals and McNemar's exact test.

    McNemar's test asks whether the rows that only one of the two labels right fall to both alike (McNemar 1947);
    its p-value is two-sided and exact, from the binomial distribution.

    Args:
        own: What the model said.
        other: What the other one said.
        rounds: Resamples.
        confidence: Coverage of the intervals.
        seed: Seed of the resampling.
        who: What the other one is called: champion, base_model or baseline.
    """
    from scipy.stats import binomtest

    assert own.labels == other.labels, (own.labels, other.labels)
    measured, theirs = scores(own), scores(other)
    resampled = Bootstrap(own.truth, [own.predicted, other.predicted], rounds, seed)
    differences = {}
    for metric in COMPARED:
        low, high = interval(resampled.samples(metric, 0) - resampled.samples(metric, 1), confidence)
        differences[metric] = {"value": measured[metric] - theirs[metric], "low": low, "high": high}
    only_model = int(np.sum(own.right & ~other.right))
    only_other = int(np.sum(~own.right & other.right))
    disagreements = only_model + only_other
    return {
        "metrics": theirs,
        "difference": differences,
        "mcnemar_p": float(binomtest(only_model, disagreements).pvalue) if disagreements else 1.0,
        "only_model_right": only_model,
        f"only_{who}_right": only_other,
    }
