"""The graphs of the pipelines: the same nine steps, composed three times.

From `version` to `fetch` only parameters pass, so equal content reached another way is a cache hit again.
"""

from __future__ import annotations

from typing import Any, Final

from components.clean.component import clean
from components.evaluate.component import evaluate
from components.fetch.component import fetch
from components.ingest.component import ingest
from components.promote.component import promote
from components.resolve.component import resolve
from components.split.component import split
from components.train.component import train
from components.version.component import version
from pipelines.placement import place
from pipelines.signature import Options, pipeline

PREPARE: Final = ("resolve", "ingest", "clean", "split", "version")
TRAIN: Final = ("resolve", "fetch", "train", "evaluate", "promote")


def prepare_data_graph(task: str, source: str, dataset: str, store: str, registry: str, options: Options) -> None:
    """Turns a source into a versioned dataset."""
    resolved = _resolve(options, source=source, store=store, base_model="", model_name="")
    _prepare(resolved, options, task=task, dataset=dataset, store=store, registry=registry)


def train_model_graph(
    task: str,
    base_model: str,
    dataset: str,
    revision: str,
    model_name: str,
    store: str,
    registry: str,
    checkpoints: str,
    options: Options,
) -> None:
    """Fine-tunes, evaluates and promotes a model on a dataset revision that exists."""
    resolved = _resolve(options, source="", store=store, base_model=base_model, model_name=model_name)
    _train(
        resolved,
        options,
        task=task,
        dataset=dataset,
        revision=revision,
        dataset_digest="",
        model_name=model_name,
        store=store,
        registry=registry,
        checkpoints=checkpoints,
    )


def retrain_graph(
    task: str,
    source: str,
    base_model: str,
    dataset: str,
    model_name: str,
    store: str,
    registry: str,
    checkpoints: str,
    options: Options,
) -> None:
    """Turns a source into a versioned dataset and a fine-tuned, evaluated, promoted model."""
    resolved = _resolve(options, source=source, store=store, base_model=base_model, model_name=model_name)
    versioned = _prepare(resolved, options, task=task, dataset=dataset, store=store, registry=registry)
    _train(
        resolved,
        options,
        task=task,
        dataset=dataset,
        revision=versioned.outputs["revision"],
        dataset_digest=versioned.outputs["dataset_digest"],
        model_name=model_name,
        store=store,
        registry=registry,
        checkpoints=checkpoints,
    )


def _resolve(options: Options, **shared: Any) -> Any:
    parameters = {step: dict(chosen) for step, chosen in options.items() if chosen}
    return place(resolve(**shared, parameters=parameters, **options["resolve"]), "resolve")


def _prepare(resolved: Any, options: Options, *, task: Any, dataset: Any, store: Any, registry: Any) -> Any:
    source_reference = resolved.outputs["source_reference"]
    raw = place(ingest(source_reference=source_reference, task=task, **options["ingest"]), "ingest")
    cleaned = place(clean(raw=raw.outputs["raw"], task=task, **options["clean"]), "clean")
    divided = place(
        split(cleaned=cleaned.outputs["cleaned"], findings=cleaned.outputs["findings"], task=task, **options["split"]),
        "split",
    )
    return place(
        version(
            splits=divided.outputs["splits"],
            card=divided.outputs["card"],
            dataset=dataset,
            registry=registry,
            store=store,
            source_reference=source_reference,
            **options["version"],
        ),
        "version",
    )


def _train(
    resolved: Any,
    options: Options,
    *,
    task: Any,
    dataset: Any,
    revision: Any,
    dataset_digest: Any,
    model_name: Any,
    store: Any,
    registry: Any,
    checkpoints: Any,
) -> None:
    fetched = place(
        fetch(dataset=dataset, registry=registry, revision=revision, dataset_digest=dataset_digest, **options["fetch"]),
        "fetch",
    )
    trained = place(
        train(
            data=fetched.outputs["data"],
            base_model_reference=resolved.outputs["base_model_reference"],
            task=task,
            dataset=dataset,
            revision=revision,
            checkpoints=checkpoints,
            **options["train"],
        ),
        "train",
    )
    line = {"model_name": model_name, "store": store, "champion": resolved.outputs["champion"]}
    evaluated = place(
        evaluate(
            model=trained.outputs["model"],
            data=fetched.outputs["data"],
            card=fetched.outputs["card"],
            task=task,
            **line,
            **options["evaluate"],
        ),
        "evaluate",
    )
    place(
        promote(
            model=trained.outputs["model"],
            evaluation=evaluated.outputs["evaluation"],
            **line,
            **options["promote"],
        ),
        "promote",
    )


prepare_data = pipeline("prepare-data", PREPARE, prepare_data_graph)
train_model = pipeline("train-model", TRAIN, train_model_graph)
retrain = pipeline("retrain", (*PREPARE, *TRAIN[1:]), retrain_graph)
PIPELINES: Final = {"prepare_data": prepare_data, "train_model": train_model, "retrain": retrain}
