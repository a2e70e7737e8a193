"""Intervals by resampling test rows, for metrics that are functions of sums over rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from components.evaluate.metrics import interval
from components.evaluate.tasks import Floats, Measured, Measurer

CHUNK_ROUNDS: Final = 100
Metrics = Callable[[Floats], dict[str, Floats]]


def with_intervals(
    measurer: Measurer, measured: Measured, rounds: int, confidence: float, seed: int
) -> dict[str, float]:
    """The metrics, and the ends of their intervals under `<name>_low` and `<name>_high`."""
    values = of_all(measurer, measured)
    samples = _samples(measurer.metrics, [measured], rounds, seed)[0]
    for name, drawn in samples.items():
        values[f"{name}_low"], values[f"{name}_high"] = interval(drawn, confidence)
    return values


def of_all(measurer: Measurer, measured: Measured) -> dict[str, float]:
    """The metrics over all rows."""
    found = measurer.metrics(measured.statistics.sum(axis=0, keepdims=True))
    return {name: float(values[0]) for name, values in found.items()}


def compare(
    measurer: Measurer, own: Measured, other: Measured, rounds: int, confidence: float, seed: int, who: str
) -> dict[str, Any]:
    """The other model's metrics, and the differences to them with intervals: the same rows are drawn for both.

    Args:
        measurer: Knows the task.
        own: What the model did.
        other: What the other one did.
        rounds: Resamples.
        confidence: Coverage of the intervals.
        seed: Seed of the resampling.
        who: What the other one is called: champion, base_model or baseline.
    """
    metrics, theirs = of_all(measurer, own), of_all(measurer, other)
    first, second = _samples(measurer.metrics, [own, other], rounds, seed)
    differences: dict[str, Mapping[str, float]] = {}
    for name in metrics:
        low, high = interval(first[name] - second[name], confidence)
        differences[name] = {"value": metrics[name] - theirs[name], "low": low, "high": high}
    return {
        "metrics": theirs,
        "difference": differences,
        "only_model_right": int((own.goodness > other.goodness).sum()),
        f"only_{who}_right": int((own.goodness < other.goodness).sum()),
    }


def _samples(metrics: Metrics, measured: list[Measured], rounds: int, seed: int) -> list[dict[str, Floats]]:
    rows = len(measured[0].statistics)
    random = np.random.Generator(np.random.PCG64(seed))
    found: list[list[dict[str, Floats]]] = [[] for _ in measured]
    for start in range(0, rounds, CHUNK_ROUNDS):
        drawn = random.multinomial(rows, np.full(rows, 1 / rows), min(CHUNK_ROUNDS, rounds - start)).astype(np.float64)
        for index, one in enumerate(measured):
            found[index].append(metrics(drawn @ one.statistics))
    return [{name: np.concatenate([part[name] for part in parts]) for name in parts[0]} for parts in found]
