"""The decision from an evaluation alone: each rule with the reason it gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from components.promote.config import Config
from components.promote.decision import Decision, decide
from components.promote.evaluation import Difference, parse, read_evaluation
from components.promote.paired_tests import p_less_accurate, p_worse
from components.shared.errors import UserError

Evaluated = Callable[..., dict[str, Any]]
CHAMPION = "champion 000003-0123456789abcdef"


def decided(evaluation: dict[str, Any], **options: Any) -> Decision:
    unset = {name: Path("unset") for name in ("model", "evaluation", "decision", "summary")}
    return decide(parse(evaluation), Config(**unset, model_name="reviews", store="unset", **options))


@pytest.mark.parametrize(
    ("accuracy", "options", "promoted", "reason"),
    [
        (0.8, {}, True, "accuracy 0.800 (at least 0.775), beats the majority baseline's 0.500"),
        (0.52, {}, False, "accuracy 0.520 (at least 0.495), does not surely beat the majority baseline's 0.500"),
        (0.525, {}, False, "does not surely beat"),
        (0.8, {"baseline_margin": 0.3}, False, "does not surely beat the majority baseline's 0.500 + 0.300"),
        (0.8, {"baseline_margin": 0.2}, True, "beats the majority baseline's 0.500 + 0.200"),
        (0.36, {"metric": "macro_f1"}, False, "macro_f1 0.360 (at least 0.330), does not surely beat"),
    ],
)
def test_the_first_model_must_beat_the_baseline(
    evaluated: Evaluated, accuracy: float, options: dict[str, Any], promoted: bool, reason: str
) -> None:
    decision = decided(evaluated(accuracy=accuracy), **options)
    assert decision.promoted is promoted
    assert reason in decision.reason


@pytest.mark.parametrize(
    ("compared", "options", "promoted", "reason"),
    [
        ({"wins": 60, "losses": 40}, {}, True, f"accuracy 0.820 is not worse than the 0.800 of {CHAMPION}"),
        ({"wins": 50, "losses": 50}, {}, True, "difference +0.000"),
        ({"wins": 20, "losses": 60}, {}, False, f"accuracy 0.760 is worse than the 0.800 of {CHAMPION} (p = 3.9e-06)"),
        ({"wins": 40, "losses": 45}, {}, False, "(p = 0.29, so it may be chance: a margin would accept it)"),
        ({"wins": 40, "losses": 45}, {"margin": 0.01}, True, "is not worse"),
        ({"wins": 40, "losses": 50}, {"margin": 0.01}, True, "is not worse"),
        ({"wins": 20, "losses": 60}, {"margin": 0.01}, False, "by more than 0.010 (p = 0.0003)"),
        ({"wins": 30, "losses": 45}, {"significance": 0.01}, False, "p = 0.042, so it may be chance"),
        ({"wins": 30, "losses": 45}, {"significance": 0.05}, False, f"of {CHAMPION} (p = 0.042)"),
        ({"wins": 60, "losses": 40, "f1": -0.05}, {}, False, "macro_f1 0.820 is worse than the 0.800"),
        ({"wins": 60, "losses": 40, "f1": -0.01}, {}, True, "accuracy 0.820 is not worse"),
        ({"wins": 60, "losses": 40, "f1": -0.01}, {"metric": "macro_f1"}, False, "so it may be chance"),
        ({"wins": 20, "losses": 60, "f1": 0.01}, {"metric": "macro_f1"}, False, "accuracy 0.760 is worse"),
    ],
)
def test_a_challenger_must_not_be_worse(
    evaluated: Evaluated, compared: dict[str, Any], options: dict[str, Any], promoted: bool, reason: str
) -> None:
    decision = decided(evaluated(**compared), **options)
    assert reason in decision.reason
    assert decision.promoted is promoted


@pytest.mark.parametrize(
    ("revision", "of_champion", "promoted"),
    [
        ("reviews/v10", "reviews/v9", True),
        ("reviews/v9", "reviews/v9", False),
        ("reviews/v9", "reviews/v10", False),
        ("other/v10", "reviews/v9", False),
        ("", "reviews/v9", False),
    ],
)
def test_of_models_with_the_same_answers_the_one_that_knows_newer_data(
    evaluated: Evaluated, revision: str, of_champion: str, promoted: bool
) -> None:
    decision = decided(evaluated(wins=0, losses=0, revision=revision, dataset_revision=of_champion))
    assert decision.promoted is promoted
    assert f"trained on {'newer' if promoted else 'no newer'} data" in decision.reason


def test_the_score_test_gives_the_published_figure() -> None:
    """Tango 1998: 43, 0, 1 and 0 pairs and a margin of 0.1 give Z = 1.709."""
    p = p_less_accurate(only_model_right=0, only_champion_right=1, rows=44, margin=0.1)
    assert NormalDist().inv_cdf(p) == pytest.approx(1.709, abs=0.0005)


def test_the_score_test_without_margin_is_mcnemars() -> None:
    p = p_less_accurate(only_model_right=30, only_champion_right=45, rows=1000, margin=0)
    assert p == pytest.approx(NormalDist().cdf(-15 / 75**0.5))


@pytest.mark.parametrize("margin", [0.0, 1.0])
def test_models_that_nothing_tells_apart_are_not_worse(margin: float) -> None:
    assert p_less_accurate(only_model_right=0, only_champion_right=0, rows=10, margin=margin) == 1


def test_an_interval_that_ends_at_the_margin_is_worse_at_half_its_rest() -> None:
    difference = Difference(value=-0.03, low=-0.05, high=-0.01)
    assert p_worse(difference, confidence=0.95, margin=0.01) == pytest.approx(0.025)
    assert p_worse(difference, confidence=0.95, margin=0.03) == pytest.approx(0.5)


def test_an_interval_without_width() -> None:
    assert p_worse(Difference(value=0, low=0, high=0), confidence=0.95, margin=0) == 1
    assert p_worse(Difference(value=-0.1, low=-0.1, high=-0.1), confidence=0.95, margin=0) == 0


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"model": NaN}', b'{"model": {"digest": "a"}}'])
def test_what_is_no_evaluation(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metrics.json").write_bytes(content)
    with pytest.raises(UserError, match=r"metrics\.json: not an evaluation .*Run `evaluate` again"):
        read_evaluation(tmp_path)


def test_no_evaluation(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"metrics\.json: cannot read it.*Give the directory"):
        read_evaluation(tmp_path / "none")
