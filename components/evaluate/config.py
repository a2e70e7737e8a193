"""Options of `evaluate`, which measures a model on the test split, beside the baseline and the champion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from components.shared.options import StepConfig, identity, input_artifact, option, output_artifact


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.evaluate`."""

    step: ClassVar[str] = "evaluate"

    model: Path = input_artifact("Directory of the model.")
    data: Path = input_artifact("Directory of the versioned dataset.")
    card: Path = input_artifact("Directory of what lies beside the dataset.")
    task: str = identity("What the model does.")
    model_name: str = identity("Name of the line of models.")
    store: str = identity("Object store of models and data: s3://bucket/prefix or a directory.")
    champion: str = identity("Identity of the champion; empty when there is none.", optional=True)
    base_model_reference: str = identity("The pinned base model, as `resolve` gives it; empty for none.", optional=True)

    evaluation: Path = output_artifact("Directory of the metrics and the predictions.")
    metrics: Path = output_artifact("JSON file of the main metrics.")
    classification: Path = output_artifact(
        "JSON file of the confusion matrix and the ROC curve, as Kubeflow shows them."
    )
    report: Path = output_artifact("HTML report: metrics with intervals, curves, confusion matrix, errors.")

    allow_remote_code: bool = option(
        False, "Run the Python code that comes with a model which was trained with train.allow_remote_code."
    )
    batch_size: int = option(64, "Rows computed at once.", unit="rows", low=1)
    bootstrap_rounds: int = option(2000, "Resamples for the confidence intervals.", low=100)
    confidence: float = option(0.95, "Coverage of the confidence intervals.", low=0.5, high=0.999)
    worst_errors: int = option(25, "Errors shown in the report.", unit="rows", low=0)
    compare_base_model: bool = option(
        True, "Measure the base model too, as it was before tuning, where its head fits the task."
    )
    seed: int = option(17, "Seed of the resampling.", low=0)
