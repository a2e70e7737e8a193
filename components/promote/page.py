"""The decision as a page of Markdown, which Kubeflow shows beside the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHORT = 16
"""Hexadecimal digits of a digest that people see."""


def page(record: Mapping[str, Any], *, nothing_new: bool) -> str:
    """What was decided, why, and about what.

    Args:
        record: The decision as it is written.
        nothing_new: Whether the model is the champion already.
    """
    title = "Nothing new" if nothing_new else "Promoted" if record["promoted"] else "The champion stays"
    lineage, metrics = record["lineage"], record["metrics"]
    rows = {
        "decision": title.lower(),
        "reason": record["reason"],
        "dataset revision": lineage.get("dataset_revision", ""),
        "dataset digest": str(lineage.get("dataset_digest", ""))[:SHORT],
        "model": f"{record['model_name']} {record['digest'][:SHORT]}",
        "champion before": record["champion_before"] or "none",
        "champion after": record["champion_after"] or "none",
        **{metric: _measured(metrics, metric) for metric in metrics if f"{metric}_low" in metrics},
    }
    lines = [f"| {name} | {_cell(value)} |" for name, value in rows.items()]
    return "\n".join([f"# {title}: {record['model_name']}", "", "| | |", "|---|---|", *lines, ""])


def _measured(metrics: Mapping[str, Any], metric: str) -> str:
    low, high = metrics.get(f"{metric}_low"), metrics.get(f"{metric}_high")
    interval = f" ({low:.3f} to {high:.3f})" if low is not None and high is not None else ""
    return f"{metrics[metric]:.3f}{interval}"


def _cell(value: object) -> str:
    """A text that cannot end its cell or begin HTML."""
    return " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
