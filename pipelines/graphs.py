"""The graphs of the pipelines: the same nine steps, composed three times.

From `version` to `fetch` only parameters pass, so equal content reached another way is a cache hit again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.clean.component import clean
from components.evaluate.component import evaluate
from components.fetch.component import fetch
from components.ingest.component import ingest
from components.promote.component import promote
from components.resolve.component import resolve
from components.split.component import split
from components.train.component import train
from components.version.component import version
from pipelines.flow import ONE_POD, Flow, Shares, pipeline
from pipelines.profiles import SHARED

PREPARE: Final = ("resolve", "ingest", "clean", "split", "version")
TRAIN: Final = ("resolve", "fetch", "train", "evaluate", "promote")


def prepare_data_graph(flow: Flow) -> None:
    """Turns a source into a versioned dataset."""
    _prepare(flow, _resolve(flow, base_model="", model_name=""))


def train_model_graph(flow: Flow) -> None:
    """Fine-tunes, evaluates and promotes a model on a dataset revision that exists."""
    _train(flow, _resolve(flow, source="", evaluation_set=""), dataset_digest="")


def retrain_graph(flow: Flow) -> None:
    """Turns a source into a versioned dataset and a fine-tuned, evaluated, promoted model."""
    resolved = _resolve(flow)
    versioned = _prepare(flow, resolved)
    outputs = versioned.outputs
    _train(flow, resolved, revision=outputs["revision"], dataset_digest=outputs["dataset_digest"])


def _resolve(flow: Flow, **unused: str) -> dsl.PipelineTask:
    """Pins what moves; `unused` empties what this pipeline has no use for."""
    # One text, since neither kfp.local nor older backends of Kubeflow fill in values inside of a mapping.
    lines = [f"{name}={value}" for name, value in flow.shared.items() if name in SHARED]
    lines += [f"{step}.{name}={value}" for step, options in flow.options.items() for name, value in options.items()]
    return flow.add(resolve, parameters="\n".join(lines), **unused)


def _prepare(flow: Flow, resolved: dsl.PipelineTask) -> dsl.PipelineTask:
    references = {name: resolved.outputs[name] for name in ("source_reference", "evaluation_reference")}
    ingested = flow.add(ingest, **references)
    texts = {name: ingested.outputs[name] for name in ("raw", "evaluation_texts")}
    cleaned = flow.add(clean, **texts, share="")
    flow.add_shares(cleaned, clean, **texts)
    divided = flow.add(split, cleaned=cleaned.outputs["cleaned"], findings=cleaned.outputs["findings"])
    return flow.add(
        version,
        splits=divided.outputs["splits"],
        card=divided.outputs["card"],
        **references,
    )


def _train(flow: Flow, resolved: dsl.PipelineTask, *, dataset_digest: Any, **revision: Any) -> None:
    """Trains on a revision: one made in this run, or the one that the pipeline was given."""
    fetched = flow.add(fetch, dataset_digest=dataset_digest, **revision)
    trained = flow.add(
        train,
        data=fetched.outputs["data"],
        base_model_reference=resolved.outputs["base_model_reference"],
        **revision,
    )
    champion = resolved.outputs["champion"]
    evaluated = flow.add(
        evaluate,
        model=trained.outputs["model"],
        data=fetched.outputs["data"],
        card=fetched.outputs["card"],
        champion=champion,
        base_model_reference=resolved.outputs["base_model_reference"],
    )
    flow.add(promote, model=trained.outputs["model"], evaluation=evaluated.outputs["evaluation"], champion=champion)


_SOURCES: Final = ("source", "evaluation_set")
_DATA: Final = ("dataset", "store", "registry")
_MODEL: Final = ("model_name", "checkpoints")


def pipelines(shares: Shares = ONE_POD) -> dict[str, BaseComponent]:
    """The pipelines by the names of their files; what `shares` is stands in `Flow`.

    Made in a thread: KFP walks the stack at each setting of a task, which is ten times faster where little is on it.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_made, shares).result()


def _made(shares: Shares) -> dict[str, BaseComponent]:
    data, model = ("task", *_SOURCES, *_DATA), ("task", "base_model", "revision", *_DATA, *_MODEL)
    both = ("task", *_SOURCES, "base_model", *_DATA, *_MODEL)
    return {
        "prepare_data": pipeline("prepare-data", prepare_data_graph, PREPARE, data, shares),
        "train_model": pipeline("train-model", train_model_graph, TRAIN, model, shares),
        "retrain": pipeline("retrain", retrain_graph, (*PREPARE, *TRAIN[1:]), both, shares),
    }
