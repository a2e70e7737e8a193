"""Options of `promote`, which makes a model the champion or says why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from components.shared.options import StepConfig, identity, input_artifact, option, output_artifact


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.promote`."""

    step: ClassVar[str] = "promote"

    model: Path = input_artifact("Directory of the model.")
    evaluation: Path = input_artifact("Directory of the metrics and the predictions.")
    model_name: str = identity("Name of the line of models.")
    store: str = identity("Object store of models and data: s3://bucket/prefix or a directory.")
    champion: str = identity("Identity of the champion that the evaluation compared with.", optional=True)

    decision: Path = output_artifact("JSON file of the decision, its reason and the lineage.")
    summary: Path = output_artifact("Markdown page: what was decided, why, and about which dataset and model.")

    metric: str = option("", "Metric to compare by, such as accuracy or perplexity; empty takes the task's main one.")
    margin: float = option(0.0, "How much worse than the champion a model may be.", low=0)
    significance: float = option(
        0.05, "A model is refused when it is worse by more than the margin at this level.", low=0.001, high=0.5
    )
    baseline_margin: float = option(0.0, "How much better than the baseline a model must be.", low=0)
