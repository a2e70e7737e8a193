"""Whether a model is worse than another by more than a margin, tested on the same rows."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from components.promote.evaluation import Difference


def p_less_accurate(*, only_model_right: int, only_champion_right: int, rows: int, margin: float) -> float:
    """One-sided p-value of "its accuracy is lower by more than the margin"; small speaks for it.

    The score test for the difference of paired proportions (Tango 1998, Statistics in Medicine 17, 891-908): with
    b and c rows that only one of the two has right, b - c is compared with -margin * rows in units of its standard
    deviation, which is that of the most likely probabilities under which the difference is exactly the margin.
    Without a margin it is McNemar's test, (b - c) / sqrt(b + c).

    On 1,000 rows of which a tenth are right for one of the two only, the standard deviation is 0.01: a model that
    is really worse by 0.016 is found out half the time at a significance of 0.05, and a smaller loss less often.
    """
    difference = -margin
    better, worse = only_model_right, only_champion_right
    linear = -(better + worse) + (2 * rows - better + worse) * difference
    constant = -worse * difference * (1 - difference)
    only_champion = (sqrt(linear**2 - 8 * rows * constant) - linear) / (4 * rows)
    variance = rows * (2 * only_champion + difference * (1 - difference))
    if variance <= 0:
        return 1.0  # no row tells the two apart
    return NormalDist().cdf((better - worse - rows * difference) / sqrt(variance))


def p_worse(difference: Difference, *, confidence: float, margin: float) -> float:
    """One-sided p-value of "worse by more than the margin" for a metric of which only an interval is known.

    The bootstrap's interval gives the standard error, as if its samples were normal (Efron and Tibshirani 1993,
    An Introduction to the Bootstrap, chapter 13).

    Args:
        difference: Challenger less champion, with the interval of a paired bootstrap.
        confidence: Coverage of that interval.
        margin: How much worse is still accepted.
    """
    error = (difference.high - difference.low) / (2 * NormalDist().inv_cdf((1 + confidence) / 2))
    if error <= 0:
        return 1.0 if difference.value >= -margin else 0.0
    return NormalDist().cdf((difference.value + margin) / error)
