"""How far two distributions of counts are from each other: PSI, chi-square and Kolmogorov-Smirnov."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

Counts = Mapping[str, int]
PSI_SMALL: Final = 0.1
PSI_LARGE: Final = 0.25
"""The usual limits of the population stability index: below the first nothing moved, above the second much did."""
_FLOOR: Final = 1e-4
"""Least share in a PSI, which has no value for an empty cell."""


@dataclass(frozen=True)
class Drift:
    """How far a distribution moved.

    Attributes:
        psi: Population stability index.
        statistic: Chi-square of the counts, or the largest distance of the cumulative shares.
        p_value: How likely a statistic like this is for two samples of one distribution.
    """

    psi: float
    statistic: float
    p_value: float

    @property
    def verdict(self) -> str:
        """What the PSI says, in a word; with few rows chance moves it too, which the p-value tells."""
        if self.psi < PSI_SMALL or self.p_value > 0.01:
            return "stable"
        return "some drift" if self.psi < PSI_LARGE else "drift"


def length_bins(lengths: Iterable[int]) -> dict[str, int]:
    """Lengths counted in bins that grow by a fifth; each is named by the shortest length in it, in order.

    Args:
        lengths: Each length, or the rows of each one in a mapping.
    """
    counts: Counter[int] = Counter()
    for length, rows in Counter(lengths).items():
        counts[_bin(length)] += rows
    return {str(start): counts[start] for start in sorted(counts)}


def psi(old: Counts, new: Counts) -> float:
    """The population stability index of two distributions over the same names."""
    pairs = [(max(a, _FLOOR), max(b, _FLOOR)) for a, b in _shares(old, new)]
    return sum((b - a) * math.log(b / a) for a, b in pairs)


def by_name(old: Counts, new: Counts) -> Drift:
    """Drift of counts by name: the chi-square test of homogeneity."""
    names = sorted(name for name in {*old, *new} if old.get(name, 0) + new.get(name, 0))
    rows = (sum(old.values()), sum(new.values()))
    if len(names) < 2 or 0 in rows:
        return Drift(psi(old, new), 0.0, 1.0)
    statistic = 0.0
    for counts, size in zip((old, new), rows, strict=True):
        for name in names:
            expected = size * (old.get(name, 0) + new.get(name, 0)) / sum(rows)
            statistic += (counts.get(name, 0) - expected) ** 2 / expected
    return Drift(psi(old, new), statistic, chi_square_tail(statistic, len(names) - 1))


def by_length(old: Counts, new: Counts) -> Drift:
    """Drift of lengths as `length_bins` counts them: the Kolmogorov-Smirnov test, which the bins make cautious."""
    rows = (sum(old.values()), sum(new.values()))
    if 0 in rows:
        return Drift(psi(old, new), 0.0, 1.0)
    distance, below = 0.0, [0.0, 0.0]
    for name in sorted({*old, *new}, key=int):
        for side, (counts, size) in enumerate(zip((old, new), rows, strict=True)):
            below[side] += counts.get(name, 0) / size
        distance = max(distance, abs(below[0] - below[1]))
    effective = rows[0] * rows[1] / sum(rows)
    return Drift(psi(old, new), distance, kolmogorov_tail(distance * math.sqrt(effective)))


def chi_square_tail(statistic: float, degrees: int) -> float:
    """The probability that a chi-square variable exceeds the statistic."""
    a, x = degrees / 2, statistic / 2
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for step in range(1, 10_000):
            term *= x / (a + step)
            total += term
            if term < total * 1e-15:
                break
        return max(0.0, 1 - scale * total)
    below, ratio = x + 1 - a, 1e300  # Lentz's continued fraction
    inverse = value = 1 / below
    for step in range(1, 10_000):
        factor, below = -step * (step - a), below + 2
        inverse = 1 / (factor * inverse + below)
        ratio = below + factor / ratio
        value *= inverse * ratio
        if abs(inverse * ratio - 1) < 1e-15:
            break
    return scale * value


def kolmogorov_tail(scaled: float) -> float:
    """The probability that Kolmogorov's variable exceeds the scaled distance."""
    if scaled < 0.2:
        return 1.0
    tail = 2.0 * sum((-1.0) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, tail))


def _shares(old: Counts, new: Counts) -> list[tuple[float, float]]:
    rows = (max(sum(old.values()), 1), max(sum(new.values()), 1))
    return [(old.get(name, 0) / rows[0], new.get(name, 0) / rows[1]) for name in sorted({*old, *new})]


def _bin(length: int) -> int:
    """The shortest length of its bin: 0, 1, 2, ... and then in steps of a fifth."""
    return _STARTS[bisect_right(_STARTS, length) - 1]


def _starts() -> list[int]:
    found = [0]
    while found[-1] < 1 << 31:
        found.append(max(found[-1] + 1, int(found[-1] * 1.2)))
    return found


_STARTS: Final = _starts()
