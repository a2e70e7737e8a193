"""How a model is trained: wholly, with frozen parts, or through a low-rank adapter; and how it is exported."""

from __future__ import annotations

import json
import warnings
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import torch

from components.shared.errors import UserError
from components.train.config import MODELS_OWN, Config
from components.train.quantization import merged_without_loss
from components.train.tasks import Task

ADAPTER: Final = "adapter"
"""Directory of the adapter in that of the model."""
_KINDS: Final = {
    "text-classification": "SEQ_CLS",
    "question-answering": "QUESTION_ANS",
    "text-generation": "CAUSAL_LM",
    "translation": "SEQ_2_SEQ_LM",
    "summarization": "SEQ_2_SEQ_LM",
}
"""What peft calls the tasks: it trains a new head beside the adapter."""
_TRAINED_WHOLE: Final = {"question-answering": ["qa_outputs"]}
"""New heads that peft, by itself, would give an adapter too; it knows those of classification."""
DROPOUTS: Final = ("dropout", "attention_dropout", "activation_dropout", "dropout_prob", "dropout_rate")
"""Names under which modules of transformers keep a dropout as a number."""


def apply(config: Config, task: Task, model: Any, name: str) -> Any:
    """The model as it is to be trained.

    Args:
        config: The options.
        task: What it learns.
        model: The pretrained model.
        name: Its name, recorded with an adapter.

    Raises:
        UserError: if what is to be frozen is not there, or is all there is.
    """
    if config.dropout != MODELS_OWN:
        set_dropout(model, config.dropout)
    if config.gradient_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if config.adapter != "none":
        model = _with_adapter(config, task, model, name)
    _freeze(model, [pattern.strip() for pattern in config.freeze.split(",") if pattern.strip()])
    return model


def set_dropout(model: Any, share: float) -> None:
    """Sets all dropout of a model: that of its layers, and what they keep as a number for attention and activations."""
    for module in model.modules():
        for name in DROPOUTS:
            if isinstance(getattr(module, name, None), float | int):
                setattr(module, name, share)
        if isinstance(module, torch.nn.Dropout):
            module.p = share


def export(model: Any, directory: Path) -> None:
    """Writes a model in the files of transformers: an adapter by itself, and merged into the weights."""
    if hasattr(model, "merge_and_unload"):
        model.save_pretrained(directory / ADAPTER, save_embedding_layers=False)
        (directory / ADAPTER / "README.md").unlink(missing_ok=True)  # the model card tells of both
        _sort_names(directory / ADAPTER / "adapter_config.json")
        quantized = getattr(model.config, "quantization_config", None) is not None
        model = merged_without_loss(model) if quantized else model.merge_and_unload()
    model.save_pretrained(directory)


def _sort_names(path: Path) -> None:
    """Writes what peft keeps as sets in one order: theirs differs from process to process, and with it the digest."""
    settings = json.loads(path.read_bytes())
    ordered = {name: sorted(value) if _are_names(value) else value for name, value in settings.items()}
    path.write_text(json.dumps(ordered, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _with_adapter(config: Config, task: Task, model: Any, name: str) -> Any:
    from peft import LoraConfig, get_peft_model

    model.name_or_path = name  # peft records it; a path of this machine would make other bytes elsewhere
    settings = LoraConfig(
        r=config.adapter_rank,
        lora_alpha=config.adapter_alpha,
        lora_dropout=config.adapter_dropout,
        use_dora=config.adapter == "dora",
        target_modules="all-linear",
        exclude_modules=_TRAINED_WHOLE.get(task.pipeline_tag),
        task_type=_KINDS.get(task.pipeline_tag),
    )
    with warnings.catch_warnings():
        # peft asks for gradient checkpointing by the name that transformers gave up.
        warnings.filterwarnings("ignore", message=".*is deprecated and will be removed in v6", category=FutureWarning)
        return get_peft_model(model, settings)


def _freeze(model: Any, patterns: list[str]) -> None:
    for pattern in patterns:
        found = [parameter for name, parameter in model.named_parameters() if fnmatchcase(name, pattern)]
        if not found:
            first = ", ".join(name for name, _ in list(model.named_parameters())[:3])
            raise UserError(
                f"no weight is named like {pattern!r}", where="train.freeze", remedy=f"the names are like {first}"
            )
        for parameter in found:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError("nothing is left to train", where="train.freeze", remedy="freeze less")
