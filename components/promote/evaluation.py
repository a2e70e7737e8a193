"""What `evaluate` found, as far as a decision needs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from components.shared.errors import UserError

METRICS_FILE = "metrics.json"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Challenger less champion in one metric, with the interval of a paired bootstrap."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The champion on the same test rows.

    Attributes:
        identity: The champion's record in the history.
        dataset_revision: What it was trained on.
        metrics: Its own metrics.
        differences: By metric.
        only_model_right: Rows that the challenger alone has right.
        only_champion_right: Rows that the champion alone has right.
    """

    identity: str
    dataset_revision: str
    metrics: Mapping[str, float]
    differences: Mapping[str, Difference]
    only_model_right: int
    only_champion_right: int


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A model on the test split.

    Attributes:
        digest: The model digest.
        main_metric: The metric that decides unless another is chosen.
        lower_is_better: Metrics of which less is better.
        rows: Number of test rows.
        confidence: Coverage of all intervals.
        metrics: By name; `<name>_low` and `<name>_high` are the ends of its interval.
        baseline: What a trivial answer reaches, such as always the majority label; by metric.
        champion: The comparison with the champion, if there was one.
        lineage: The model's `lineage.json`.
    """

    digest: str
    main_metric: str
    lower_is_better: frozenset[str]
    rows: int
    confidence: float
    metrics: Mapping[str, float]
    baseline: Mapping[str, float]
    champion: Comparison | None
    lineage: Mapping[str, Any]

    def metric(self, chosen: str) -> str:
        """The metric to compare by; raises UserError for one that this task does not have."""
        name = chosen or self.main_metric
        if name not in self.baseline:
            raise UserError(
                f"{name!r} is not a metric of this task",
                where="promote.metric",
                remedy=f"use {', '.join(self.baseline)}",
            )
        return name

    def gain(self, metric: str, difference: Difference) -> Difference:
        """A difference as a gain: positive when the challenger is better."""
        if metric not in self.lower_is_better:
            return difference
        return Difference(value=-difference.value, low=-difference.high, high=-difference.low)

    def sure_gain_over_baseline(self, metric: str) -> float:
        """By how much the end of the interval that is worse is better than the baseline."""
        if metric in self.lower_is_better:
            return self.baseline[metric] - self.metrics[f"{metric}_high"]
        return self.metrics[f"{metric}_low"] - self.baseline[metric]


def read_evaluation(directory: Path) -> Evaluation:
    """The evaluation in a directory that `evaluate` wrote; raises UserError if it is missing or damaged."""
    path = directory / METRICS_FILE
    try:
        return parse(json.loads(path.read_bytes(), parse_constant=_no_number))
    except OSError as error:
        raise UserError(
            f"cannot read it: {error.strerror}", where=str(path), remedy="give the directory that `evaluate` wrote"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"not an evaluation ({type(error).__name__}: {error})", where=str(path), remedy="run `evaluate` again"
        ) from error


def parse(found: Mapping[str, Any]) -> Evaluation:
    """The evaluation in the content of metrics.json."""
    return Evaluation(
        digest=found["model"]["digest"],
        main_metric=found["main_metric"],
        lower_is_better=frozenset(found["lower_is_better"]),
        rows=int(found["test"]["rows"]),
        confidence=float(found["confidence"]),
        metrics=_numbers(found["metrics"]),
        baseline=_numbers(found["baseline"]["metrics"]),
        champion=_comparison(found["champion"]) if found["champion"] else None,
        lineage=dict(found["lineage"]),
    )


def _comparison(found: Mapping[str, Any]) -> Comparison:
    return Comparison(
        identity=found["identity"],
        dataset_revision=found["dataset_revision"],
        metrics=_numbers(found["metrics"]),
        differences={name: Difference(**_numbers(ends)) for name, ends in found["difference"].items()},
        only_model_right=int(found["only_model_right"]),
        only_champion_right=int(found["only_champion_right"]),
    )


def _numbers(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in found.items() if value is not None}


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
