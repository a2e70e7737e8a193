"""Options of `train`, which fine-tunes a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from components.shared.options import StepConfig, identity, input_artifact, option, output_artifact


@dataclass(frozen=True, kw_only=True)
class Config(StepConfig):
    """One field for each flag of `python -m components.train`."""

    step: ClassVar[str] = "train"

    data: Path = input_artifact("Directory of the versioned dataset.")
    base_model_reference: str = identity("The pinned base model, as `resolve` gives it.")
    task: str = identity("What the model learns.")
    dataset: str = identity("Name of the dataset, recorded as lineage.")
    revision: str = identity("The dataset revision, recorded as lineage.")
    checkpoints: str = identity("Where checkpoints go: s3://bucket/prefix or a directory.")

    model: Path = output_artifact("Directory of the model: weights, tokenizer, configuration, model card.")
    metrics: Path = output_artifact("JSON file of the training metrics.")
    logs: Path = output_artifact("Directory of the TensorBoard log.")

    epochs: int = option(2, "Passes over the training rows.", unit="epochs", low=1)
    batch_size: int = option(32, "Rows of one optimizer step, over all processes.", unit="rows", low=1)
    accumulation: int = option(1, "Parts in which the rows of one optimizer step are computed.", low=1)
    eval_batch_size: int = option(64, "Rows computed at once for validation.", unit="rows", low=1)
    max_tokens: int = option(128, "Longer texts are cut.", unit="tokens", low=4)
    learning_rate: float = option(1e-4, "Peak learning rate.", low=0)
    schedule: str = option("linear", "Learning rate after the warm-up.", choices=("linear", "cosine", "constant"))
    warmup_fraction: float = option(0.1, "Share of the steps over which the learning rate rises.", low=0, high=1)
    weight_decay: float = option(0.01, "Decay of weights with two or more dimensions.", low=0)
    max_grad_norm: float = option(1.0, "Gradients are clipped to this norm; 0 does not clip.", low=0)
    evaluations_per_epoch: int = option(2, "Validations in an epoch; the most accurate model is kept.", low=1)
    checkpoint_seconds: float = option(120.0, "Time between checkpoints; 0 makes none by time.", unit="seconds", low=0)
    checkpoint_steps: int = option(0, "Steps between checkpoints; 0 leaves it to the time.", unit="steps", low=0)
    keep_checkpoints: int = option(2, "Complete checkpoints to keep.", low=1)
    seed: int = option(17, "Seed of weights, order and dropout.", low=0)
    deterministic: bool = option(True, "Use deterministic algorithms only.")
    world_size: int = option(1, "Number of processes that must take part.", unit="processes", low=1)
    threads: int = option(0, "CPU threads of a process; 0 takes one for each core.", unit="threads", low=0)
