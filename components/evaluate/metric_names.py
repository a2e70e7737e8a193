"""Metrics as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

NAMES: Final = {
    "f1": "F1",
    "micro_f1": "Micro-F1",
    "macro_f1": "Macro-F1",
    "chrf": "chrF",
    "bleu": "BLEU",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
}
"""Metrics as their authors write them."""


def title(metric: str) -> str:
    """A metric as a heading."""
    return NAMES.get(metric) or metric.replace("_", " ").capitalize()


def main_first(metrics: Iterable[str], main: str) -> list[str]:
    """Metrics in their order, but the one that decides before the others."""
    return sorted(metrics, key=lambda name: name != main)
