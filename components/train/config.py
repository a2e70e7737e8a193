"""Options of `train`, which fine-tunes a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from components.shared.errors import UserError
from components.shared.options import StepConfig, identity, input_artifact, option, output_artifact

BALANCED: Final = "balanced"
QLORA: Final = "qlora"
ADAPTERS: Final = ("none", "lora", "dora", QLORA)
SCHEDULE_FREE: Final = "schedule_free"
TRACKERS: Final = ("mlflow", "wandb")
OPTIMIZERS: Final = ("adamw", "adafactor", "sgd", SCHEDULE_FREE)
MODELS_OWN: Final = -1.0
FSDP2: Final = "fsdp2"


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

    allow_pickle_weights: bool = option(
        False, "Load a base model that has no safetensors from pytorch_model.bin; tensors only are unpickled."
    )
    allow_remote_code: bool = option(
        False, "Run the Python code that comes with the pinned base model, with all rights of the training."
    )
    epochs: int = option(2, "Passes over the training rows.", unit="epochs", low=1)
    batch_size: int = option(
        32, "Rows (or packs of them) of one optimizer step, over all processes.", unit="rows", low=1
    )
    batch_tokens: int = option(
        0, "Most tokens, padding counted, of one optimizer step instead of batch_size rows; 0 counts rows.", low=0
    )
    accumulation: int = option(1, "Parts in which the rows of one optimizer step are computed.", low=1)
    eval_batch_size: int = option(64, "Rows computed at once for validation.", unit="rows", low=1)
    max_tokens: int = option(128, "Longer texts are cut.", unit="tokens", low=4)
    max_target_tokens: int = option(
        128, "Longer targets of translation and summarization are cut.", unit="tokens", low=4
    )
    source_prefix: str = option("", "Put before each source of translation and summarization, as T5 models expect.")
    window_overlap: int = option(
        32, "Tokens that windows over a long context share; at most a quarter of max_tokens.", unit="tokens", low=0
    )
    mask_probability: float = option(0.15, "Share of the tokens that masked_lm hides.", low=0.01, high=0.9)
    packing: bool = option(True, "Pack short texts together, kept apart, for causal_lm and chat.")
    learning_rate: float = option(1e-4, "Peak learning rate.", low=0)
    optimizer: str = option(
        "adamw",
        "What turns gradients into steps; adafactor and sgd need less memory, schedule_free wants a constant schedule.",
        choices=OPTIMIZERS,
    )
    momentum: float = option(0.9, "Momentum of sgd.", low=0, high=0.999)
    schedule: str = option(
        "linear",
        "Learning rate after the warm-up; wsd keeps it, then lets it fall over the last decay_fraction.",
        choices=("linear", "cosine", "constant", "wsd"),
    )
    warmup_fraction: float = option(0.1, "Share of the steps over which the learning rate rises.", low=0, high=1)
    decay_fraction: float = option(0.2, "Share of the steps over which it falls with the schedule wsd.", low=0, high=1)
    layer_decay: float = option(
        1.0, "Learning rate of a layer as a share of that of the layer above it.", low=0.01, high=1
    )
    freeze: str = option(
        "", "Weights that are not trained: patterns of their names, such as *.embeddings.*, with commas."
    )
    adapter: str = option(
        "none",
        "Train a low-rank adapter instead of the weights; kept, and merged on export. qlora has the weights in 4 bits.",
        choices=ADAPTERS,
    )
    adapter_rank: int = option(16, "Rank of the adapter.", low=1)
    adapter_alpha: float = option(32.0, "The adapter is scaled by this over its rank.", low=0)
    adapter_dropout: float = option(0.0, "Dropout before the adapter.", low=0, high=0.9)
    weight_decay: float = option(0.01, "Decay of weights with two or more dimensions.", low=0)
    max_grad_norm: float = option(1.0, "Gradients are clipped to this norm; 0 does not clip.", low=0)
    dp_noise: float = option(
        0.0, "Differential privacy: noise as a multiple of max_grad_norm, to which each gradient is clipped.", low=0
    )
    dp_epsilon: float = option(
        0.0, "Differential privacy: the noise that all steps need for this epsilon, instead of dp_noise.", low=0
    )
    dp_delta: float = option(1e-5, "Delta of the differential privacy.", low=1e-12, high=0.1)
    label_smoothing: float = option(
        0.0, "Share of the target that is spread over all classes or tokens.", low=0, high=0.9
    )
    focal_gamma: float = option(
        0.0, "How much less the loss of a classification counts where the model is sure; 0 counts all alike.", low=0
    )
    dropout: float = option(MODELS_OWN, "Dropout of all layers; -1 leaves it to the model.", low=-1, high=0.9)
    class_weights: str = option("", "Weights of classes: label=weight pairs with commas, or balanced.")
    gradient_checkpointing: bool = option(False, "Compute activations again instead of keeping them: less memory.")
    precision: str = option(
        "auto", "Arithmetic; auto takes bf16 on a GPU that has it and fp32 elsewhere.", choices=("auto", "fp32", "bf16")
    )
    evaluations_per_epoch: int = option(2, "Validations in an epoch; the best model is kept.", low=1)
    patience: int = option(
        0, "Stop after so many validations without a better model; 0 does all epochs.", unit="validations", low=0
    )
    checkpoint_seconds: float = option(120.0, "Time between checkpoints; 0 makes none by time.", unit="seconds", low=0)
    checkpoint_steps: int = option(0, "Steps between checkpoints; 0 leaves it to the time.", unit="steps", low=0)
    keep_checkpoints: int = option(2, "Complete checkpoints to keep.", low=1)
    trackers: str = option(
        "", "Experiment trackers beside the TensorBoard log: mlflow, wandb, or both with commas; see the how-to."
    )
    seed: int = option(17, "Seed of weights, order and dropout.", low=0)
    deterministic: bool = option(True, "Use deterministic algorithms only.")
    world_size: int = option(1, "Number of processes that must take part.", unit="processes", low=1)
    sharding: str = option(
        "none",
        "How processes share a model: each has all of it (none), or weights, gradients and optimizer are spread.",
        choices=("none", FSDP2),
    )
    threads: int = option(0, "CPU threads of a process; 0 takes one for each core.", unit="threads", low=0)

    def check(self) -> None:
        """Checks the form of the weights, and options against each other."""
        if self.class_weights != BALANCED:
            weights_by_name(self.class_weights)
        tracker_names(self.trackers)
        if self.adapter != "none" and self.layer_decay < 1:
            raise UserError("an adapter has no layer_decay", where="train.layer_decay", remedy="leave it at 1")
        if self.optimizer == SCHEDULE_FREE and self.schedule != "constant":
            raise UserError(
                f"{self.schedule} is not for {SCHEDULE_FREE}", where="train.schedule", remedy="set it to constant"
            )
        if self.sharding == FSDP2:
            self._check_sharding()
        if MODELS_OWN < self.dropout < 0:
            raise UserError(f"{self.dropout} is no share", where="train.dropout", remedy="give -1, or 0 to 0.9")

    def _check_sharding(self) -> None:
        if self.world_size < 2:
            raise UserError(
                f"{FSDP2} spreads a model over processes, and there is one",
                where="train.sharding",
                remedy="set world_size to 2 or more, or sharding to none",
            )
        if self.adapter == QLORA:
            raise UserError(
                f"{FSDP2} does not spread weights in 4 bits", where="train.sharding", remedy="set it to none"
            )
        if self.optimizer == "adafactor":
            raise UserError(
                f"adafactor keeps sums over whole weights, which {FSDP2} spreads",
                where="train.optimizer",
                remedy="take another optimizer, or set sharding to none",
            )


def tracker_names(text: str) -> list[str]:
    """Reads names of trackers with commas; raises UserError for one that is not known."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in TRACKERS:
            raise UserError(
                f"{name!r} is not known",
                where="train.trackers",
                remedy=f"use {' or '.join(TRACKERS)}, or both with commas",
            )
    return sorted(set(names))


def weights_by_name(text: str) -> dict[str, float]:
    """Reads `label=weight,label=weight`; raises UserError for anything else."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        label, _, number = part.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not label or not 0 < weight < math.inf:
            raise UserError(
                f"{part!r} is not a label=weight pair",
                where="train.class_weights",
                remedy=f"give {BALANCED}, or label=weight pairs with positive numbers",
            )
        found[label.strip()] = weight
    return found
