"""A model directory of a few bytes, what `evaluate` would say of it, and a configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from components.promote.config import Config
from components.shared.models import model_digest


def champion_entry(identity: str, *, wins: int, losses: int, f1: float | None = None, **changes: Any) -> dict[str, Any]:
    """The champion's part of an evaluation on 1,000 rows: `wins` rows only the challenger has right."""
    value = (0.8 + (wins - losses) / 1000) - 0.8  # with the rounding that evaluate has, too
    f1_value = value if f1 is None else f1
    return {
        "identity": identity,
        "digest": "of the champion",
        "same_model": False,
        "dataset_revision": "reviews/v1",
        "metrics": {"accuracy": 0.8, "macro_f1": 0.8},
        "difference": {
            "accuracy": {"value": value, "low": value - 0.02, "high": value + 0.02},
            "macro_f1": {"value": f1_value, "low": f1_value - 0.02, "high": f1_value + 0.02},
        },
        "mcnemar_p": 0.5,
        "only_model_right": wins,
        "only_champion_right": losses,
        **changes,
    }


def evaluation_of(
    digest: str, champion: Mapping[str, Any] | None, accuracy: float = 0.8, revision: str = "reviews/v1"
) -> dict[str, Any]:
    """The content of metrics.json."""
    if champion:
        accuracy = 0.8 + champion["difference"]["accuracy"]["value"]
    return {
        "task": "classification",
        "main_metric": "accuracy",
        "lower_is_better": [],
        "model": {"name": "reviews", "digest": digest},
        "test": {"rows": 1000, "digest": "of the dataset"},
        "confidence": 0.95,
        "metrics": {
            "accuracy": accuracy,
            "accuracy_low": accuracy - 0.025,
            "accuracy_high": accuracy + 0.025,
            "macro_f1": accuracy,
            "macro_f1_low": accuracy - 0.03,
            "macro_f1_high": accuracy + 0.03,
        },
        "baseline": {"label": "positive", "metrics": {"accuracy": 0.5, "macro_f1": 0.33}},
        "champion": champion,
        "lineage": {"dataset": "reviews", "dataset_revision": revision, "dataset_digest": "ab", "packages": {}},
    }


@pytest.fixture
def evaluated() -> Callable[..., dict[str, Any]]:
    """Makes the content of metrics.json: against a champion where `wins` are given."""

    def made(*, accuracy: float = 0.8, revision: str = "reviews/v1", **compared: Any) -> dict[str, Any]:
        champion = champion_entry("000003-0123456789abcdef", **compared) if compared else None
        return evaluation_of("of the model", champion, accuracy, revision)

    return made


Make = Callable[..., Config]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a model and its evaluation against a champion; gives the configuration of `promote`."""

    def made(weights: str, champion: str = "", *, wins: int = 60, losses: int = 40, **changes: Any) -> Config:
        place = tmp_path / f"{weights}-{len(list(tmp_path.iterdir()))}"
        model, evaluation = place / "model", place / "evaluation"
        model.mkdir(parents=True)
        evaluation.mkdir()
        (model / "model.safetensors").write_text(weights)
        (model / "README.md").write_text(f"# {weights}\n")
        entry = champion_entry(champion, wins=wins, losses=losses) if champion else None
        content = evaluation_of(model_digest(model), entry, **changes.pop("evaluated", {}))
        (evaluation / "metrics.json").write_text(json.dumps(content))
        values = {
            "model": model,
            "evaluation": evaluation,
            "model_name": "reviews",
            "store": str(tmp_path / "store"),
            "champion": champion,
            "decision": place / "out" / "decision.json",
            "summary": place / "out" / "summary.md",
        }
        return Config(**(values | changes))

    return made
