"""The model card: what the model is, what made it, how good it was in training, how to load it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from huggingface_hub import EvalResult, ModelCardData

from components.shared.references import HUB, parse_reference
from components.train.tasks import Task

BODY = """\
# {name}

Fine-tuned by Evertune for {task} on the dataset `{dataset}`, revision `{revision}`.

## Use

```python
from transformers import {auto_class}, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("path/to/this/directory")
model = {auto_class}.from_pretrained("path/to/this/directory")
```

{pipeline}It was trained on texts of at most {max_tokens} tokens; the tokenizer cuts longer ones there.

## Lineage

{lineage}

The same facts for programs are in `lineage.json`, the course of the training in `training.json`.
`evertune datasets` brings the dataset back byte for byte.

## Validation

Measured on the validation split, which chose the best of the steps. It is not a test result: see the
report of the `evaluate` step for that.

{metrics}

## Training

{options}

## Limits

It knows what its dataset shows and what its base model brought along, with their errors and biases.
Texts of another language, length or kind than those of the dataset need an evaluation of their own.
"""
PIPELINE = 'or `pipeline("{tag}", model="path/to/this/directory", truncation=True)`.\n'
PIPELINES: Final = ("text-classification", "fill-mask", "text-generation")
"""Those that transformers has a ready pipeline for."""


def model_card(task: Task, metrics: Mapping[str, float], lineage: Mapping[str, Any]) -> str:
    """The text of README.md, with metadata as the Hugging Face hub reads it."""
    shown = {name: value for name, value in lineage.items() if not isinstance(value, Mapping)}
    shown |= {f"package {name}": version for name, version in lineage["packages"].items()}
    body = BODY.format(
        name=lineage["dataset"],
        task=lineage["task"],
        dataset=lineage["dataset"],
        revision=lineage["dataset_revision"],
        auto_class=task.auto_class,
        pipeline=PIPELINE.format(tag=task.pipeline_tag) if task.pipeline_tag in PIPELINES else "",
        max_tokens=lineage["options"]["max_tokens"],
        lineage=_table(("what", "value"), shown),
        metrics=_table(("metric", "value"), metrics),
        options=_table(("option", "value"), lineage["options"]),
    )
    return f"---\n{_metadata(task, metrics, lineage).to_yaml()}\n---\n\n{body}"


def _metadata(task: Task, metrics: Mapping[str, float], lineage: Mapping[str, Any]) -> ModelCardData:
    base = parse_reference(lineage["base_model"]).uri
    validated = {n.removeprefix("validation_"): v for n, v in metrics.items() if n.startswith("validation_")}
    results = [
        EvalResult(
            task_type=task.pipeline_tag,
            dataset_type=lineage["dataset"],
            dataset_name=lineage["dataset"],
            dataset_split="validation",
            dataset_revision=lineage["dataset_revision"],
            metric_type=name,
            metric_value=value,
        )
        for name, value in validated.items()
    ]
    return ModelCardData(
        model_name=lineage["dataset"],
        library_name="transformers",
        pipeline_tag=task.pipeline_tag,
        tags=["evertune"],
        base_model=base.removeprefix(HUB) if base.startswith(HUB) else None,
        eval_results=results,
    )


def _table(header: tuple[str, str], rows: Mapping[str, Any]) -> str:
    lines = [f"| {header[0]} | {header[1]} |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in rows.items() if value != ""]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")
