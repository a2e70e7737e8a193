"""What a training gives: the model directory with its card and lineage, and the metrics."""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from components.shared.files import staged_directory, write_atomically
from components.shared.references import Reference
from components.train import identity
from components.train.card import model_card
from components.train.config import Config
from components.train.journal import Journal
from components.train.methods import export
from components.train.order import Plan
from components.train.privacy import spent
from components.train.state import load_weights
from components.train.tasks import Task
from components.train.writing import os_errors

PACKAGES: Final = (*identity.LIBRARIES, "safetensors")


def lineage(config: Config, dataset_digest: str, base_model: Reference, key: str) -> dict[str, Any]:
    """All that made the model."""
    return {
        "dataset": config.dataset,
        "dataset_revision": config.revision,
        "dataset_digest": dataset_digest,
        "base_model": str(base_model),
        "task": config.task,
        "code_commit": os.environ.get("EVERTUNE_COMMIT", ""),
        "image": os.environ.get("EVERTUNE_IMAGE", ""),
        "checkpoint_key": key,
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "options": identity.options(config),
    }


def training_metrics(config: Config, task: Task, plan: Plan, journal: Journal) -> dict[str, float]:
    """The numbers of the metrics file: the best validation, the end of the training, the sizes."""
    best = journal.best
    assert best is not None, "every plan ends with a validation"
    numbers = {f"validation_{name}": value for name, value in sorted(best.items()) if name not in ("step", "epoch")}
    last = journal.history[-1]
    return {
        **numbers,
        **spent(config, len(task.lengths["train"]), plan.total_steps, journal.step),
        "best_step": journal.best_step,
        "steps": journal.step,
        **({"train_loss": last["loss"]} if "loss" in last else {}),
        "sequences_train": len(task.lengths["train"]),
        "sequences_validation": len(task.lengths["validation"]),
    }


def write_model(
    config: Config,
    task: Task,
    model: Any,
    tokenizer: Any,
    best: Path,
    journal: Journal,
    metrics: dict[str, float],
    facts: dict[str, Any],
) -> None:
    """Writes the model directory with the weights of the best validation; it appears whole or not at all."""
    load_weights(model, best)
    tokenizer.model_max_length = config.max_tokens
    if getattr(tokenizer, "backend_tokenizer", None) is not None:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    history = {"history": journal.history, "validations": journal.validations, "best_step": journal.best_step}
    history |= {"before": journal.before} if journal.before else {}
    card = model_card(task, metrics, facts)
    with staged_directory(config.model) as staged, os_errors(config.model):
        export(model, staged)
        tokenizer.save_pretrained(staged)
        write_json(staged / "lineage.json", facts)
        write_json(staged / "training.json", history)
        (staged / "README.md").write_text(card, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Writes canonical JSON."""
    write_atomically(path, (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())
