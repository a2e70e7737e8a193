"""The decision: whether a model may take the champion's place, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from components.promote.config import Config
from components.promote.evaluation import Comparison, Evaluation
from components.promote.paired_tests import p_less_accurate, p_worse

_ROUNDING = 1e-9
"""Differences below this come from the arithmetic."""
_CLASSIFICATION: Final = ("accuracy", "macro_f1")
"""Metrics that guard each other: a model worse in either is refused. Those of other tasks say nearly the same."""


@dataclass(frozen=True)
class Decision:
    """Whether a model is promoted, and the reason in one line."""

    promoted: bool
    reason: str


def decide(evaluation: Evaluation, config: Config) -> Decision:
    """Decides from an evaluation alone.

    The first model must beat the baseline: the worse end of its interval must be better than the baseline by more than
    `baseline_margin`. A challenger is refused

    * when a paired test says, at `significance`, that it is worse than the champion by more than `margin` in the chosen
      metric or, for classification, in accuracy or in macro F1 (see `paired_tests`);
    * when it is worse by more than `margin` in the chosen metric as measured, significant or not. On a small
      test split the tests have little power, and what they do not notice must not ship either;
    * when both are right on the same rows and it was not trained on a newer revision of the champion's dataset.
      Nothing would be gained; after newer data the champion should be a model that knows them.
    """
    if evaluation.champion is None:
        return _first(evaluation, config)
    return (
        _same_answers(evaluation, evaluation.champion)
        or _significantly_worse(evaluation, evaluation.champion, config)
        or _compared(evaluation, evaluation.champion, config)
    )


def _first(evaluation: Evaluation, config: Config) -> Decision:
    metric = evaluation.metric(config.metric)
    below = metric in evaluation.lower_is_better
    value, end = evaluation.metrics[metric], evaluation.metrics[f"{metric}_{'high' if below else 'low'}"]
    beats = evaluation.sure_gain_over_baseline(metric) > config.baseline_margin + _ROUNDING
    margin = f" {'-' if below else '+'} {config.baseline_margin:.3f}" if config.baseline_margin else ""
    return Decision(
        beats,
        f"the first model, {metric} {value:.3f} (at {'most' if below else 'least'} {end:.3f}), "
        f"{'beats' if beats else 'does not surely beat'} the {_named(metric)} baseline's "
        f"{evaluation.baseline[metric]:.3f}{margin}",
    )


def _named(metric: str) -> str:
    return "majority" if metric in _CLASSIFICATION else "trivial"


def _same_answers(evaluation: Evaluation, champion: Comparison) -> Decision | None:
    differ = champion.only_model_right or champion.only_champion_right
    if differ or any(abs(difference.value) > _ROUNDING for difference in champion.differences.values()):
        return None
    revision = str(evaluation.lineage.get("dataset_revision", ""))
    newer = _is_newer(revision, champion.dataset_revision)
    return Decision(
        newer,
        f"right on the same test rows as champion {champion.identity}, and trained on "
        f"{'newer' if newer else 'no newer'} data ({revision}, the champion on {champion.dataset_revision})",
    )


def _is_newer(revision: str, than: str) -> bool:
    dataset, _, number = revision.rpartition("/v")
    old_dataset, _, old_number = than.rpartition("/v")
    both = number.isdecimal() and old_number.isdecimal()
    return both and dataset == old_dataset and int(number) > int(old_number)


def _significantly_worse(evaluation: Evaluation, champion: Comparison, config: Config) -> Decision | None:
    chosen = evaluation.metric(config.metric)
    compared = champion.differences if chosen in _CLASSIFICATION else [chosen]
    for metric in sorted(compared, key=lambda name: name != chosen):
        p = _p(evaluation, champion, metric, config.margin)
        if p < config.significance:
            return Decision(False, f"{_stated(evaluation, champion, metric, config.margin)} (p = {p:.2g})")
    return None


def _compared(evaluation: Evaluation, champion: Comparison, config: Config) -> Decision:
    metric = evaluation.metric(config.metric)
    difference = champion.differences[metric]
    if evaluation.gain(metric, difference).value < -config.margin - _ROUNDING:
        p = _p(evaluation, champion, metric, config.margin)
        stated = _stated(evaluation, champion, metric, config.margin)
        return Decision(False, f"{stated} (p = {p:.2g}, so it may be chance: a margin would accept it)")
    return Decision(
        True,
        f"{metric} {evaluation.metrics[metric]:.3f} is not worse than the "
        f"{champion.metrics[metric]:.3f} of champion {champion.identity} "
        f"(difference {difference.value:+.3f}, {difference.low:+.3f} to {difference.high:+.3f})",
    )


def _p(evaluation: Evaluation, champion: Comparison, metric: str, margin: float) -> float:
    if metric != "accuracy":
        gain = evaluation.gain(metric, champion.differences[metric])
        return p_worse(gain, confidence=evaluation.confidence, margin=margin)
    return p_less_accurate(
        only_model_right=champion.only_model_right,
        only_champion_right=champion.only_champion_right,
        rows=evaluation.rows,
        margin=margin,
    )


def _stated(evaluation: Evaluation, champion: Comparison, metric: str, margin: float) -> str:
    return (
        f"{metric} {evaluation.metrics[metric]:.3f} is worse than the {champion.metrics[metric]:.3f} "
        f"of champion {champion.identity}" + (f" by more than {margin:.3f}" if margin else "")
    )
