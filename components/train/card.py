"""The model card: what the model is, what made it, how good it was in training, how to load it."""

from __future__ import annotations

import json
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
{use}```

{pipeline}It was trained on texts of at most {max_tokens} tokens; the tokenizer cuts longer ones there.

## Lineage

{lineage}

The same facts for programs are in `lineage.json`, the course of the training in `training.json`.
`evertune datasets` brings the dataset back byte for byte.

## Validation

Measured on the validation split, which chose the best of the steps. It is not a test result: see the
report of the `evaluate` step for that.

{metrics}

{privacy}## Training

{options}

## Limits

It knows what its dataset shows and what its base model brought along, with their errors and biases.
Texts of another language, length or kind than those of the dataset need an evaluation of their own.
"""
PRIVACY = """\
## Privacy

Trained with differential privacy (DP-SGD): epsilon {epsilon:.3g} at delta {delta:.3g}, for adding or removing one
training sequence, by the Renyi accountant of opacus. Gradients were clipped to {clip:g} each, noise was {noise:.4g}
times that. It covers the weights, not the validation rows, by which the best step was chosen. A text that was cut into
several sequences, or stands in several rows, is protected that many times less.

"""
PIPELINE = 'or `pipeline("{tag}", model="path/to/this/directory", truncation=True)`.\n'
WRITES: Final = """\
inputs = tokenizer("{prefix}a text", return_tensors="pt", truncation=True)
said = model.generate(**inputs, max_new_tokens={max_target_tokens})
print(tokenizer.decode(said[0], skip_special_tokens=True))
"""
ANSWERS: Final = """\
inputs = tokenizer("a question", "its context", return_tensors="pt", truncation="only_second")
found = model(**inputs)
first, last = found.start_logits.argmax(), found.end_logits.argmax()
print(tokenizer.decode(inputs["input_ids"][0, first : last + 1]))
"""
USES: Final = {"translation": WRITES, "summarization": WRITES, "question-answering": ANSWERS}
"""How to ask a model that transformers has no pipeline for."""
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
        use=_use(task.pipeline_tag, lineage["options"]),
        pipeline=PIPELINE.format(tag=task.pipeline_tag) if task.pipeline_tag in PIPELINES else "",
        max_tokens=lineage["options"]["max_tokens"],
        lineage=_table(("what", "value"), shown),
        privacy=_privacy(metrics, lineage["options"]),
        metrics=_table(("metric", "value"), metrics),
        options=_table(("option", "value"), lineage["options"]),
    )
    return f"---\n{_metadata(task, metrics, lineage).to_yaml()}\n---\n\n{body}"


def _privacy(metrics: Mapping[str, float], options: Mapping[str, Any]) -> str:
    if "dp_epsilon" not in metrics:
        return ""
    epsilon, delta, noise = (metrics[f"dp_{name}"] for name in ("epsilon", "delta", "noise_multiplier"))
    return PRIVACY.format(epsilon=epsilon, delta=delta, noise=noise, clip=options["max_grad_norm"])


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


def _use(tag: str, options: Mapping[str, Any]) -> str:
    prefix = json.dumps(options["source_prefix"], ensure_ascii=False)[1:-1]
    return USES.get(tag, "").format(prefix=prefix, max_target_tokens=options["max_target_tokens"])


def _table(header: tuple[str, str], rows: Mapping[str, Any]) -> str:
    lines = [f"| {header[0]} | {header[1]} |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in rows.items() if value != ""]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")
