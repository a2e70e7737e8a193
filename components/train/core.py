"""Fine-tunes a model on the versioned dataset, going on from the newest checkpoint if there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from components.shared.base_models import open_base_model
from components.shared.datasets import Dataset
from components.shared.errors import UserError
from components.shared.manifest import damage
from components.shared.objects import open_store
from components.shared.references import Reference
from components.shared.result import Result
from components.train.base_model import agree_on_padding, load_tokenizer, trust_of
from components.train.checkpoints import Checkpoints
from components.train.config import Config
from components.train.identity import checkpoint_key, options
from components.train.lease import Lease
from components.train.others import tell_others
from components.train.privacy import check_privacy
from components.train.quantization import check_quantization
from components.train.tasks import Task, open_task
from components.train.tracking import check_trackers, open_trackers


def run(config: Config) -> Result:
    """Trains, and writes the model, the metrics and the log.

    Raises:
        UserError: for data, a base model or options that cannot be trained; before any expensive work.
        RetryError: if a store cannot be reached, or another process trains the same.
        Terminated: after SIGTERM, when the running step is done and saved.
    """
    check_trackers(config)
    check_quantization(config)
    check_privacy(config)
    dataset = _open_dataset(config.data)
    task = open_task(dataset, config)
    directory, base_model = open_base_model(
        config.base_model_reference, config.max_tokens, config.task, trust_of(config)
    )
    return _train(config, dataset, task, directory, base_model)


def _train(config: Config, dataset: Dataset, task: Task, found: Path, base_model: Reference) -> Result:
    # What computes is imported here: a wrong input has its answer before torch is loaded.
    from components.train import methods, outputs, processes
    from components.train.loop import Loop
    from components.train.origin import directory_of
    from components.train.session import Session

    config, digest = processes.probed(config), dataset.manifest.digest
    accelerator = processes.start(config)
    key = checkpoint_key(config, digest, base_model.pin)
    checkpoints = Checkpoints(open_store(config.checkpoints), key, config.keep_checkpoints, options(config))
    processes.refused_by_first(lambda: tell_others(checkpoints.store, config, digest, base_model.pin))
    with ExitStack() as held:
        lease = held.enter_context(Lease(checkpoints.store, key)) if accelerator.is_main_process else None
        work = held.enter_context(_work_directory(config.model, accelerator.process_index))
        directory = directory_of(found, base_model, dataset, config, work)
        tokenizer = load_tokenizer(directory, base_model.uri, decoder=task.decoder, trust=trust_of(config))
        processes.seed_everything(config.seed)
        model = task.load_model(directory, base_model.uri)
        agree_on_padding(model, tokenizer)
        model = methods.apply(config, task, model, base_model.uri)
        task.tokenize(tokenizer, config.max_tokens)
        loop = Loop(config, accelerator, task, model, work / "best.safetensors")
        facts = outputs.lineage(config, digest, base_model, key)
        trackers = open_trackers(config, facts) if accelerator.is_main_process else []
        journal = Session(config, loop, checkpoints, lease, work, trackers).run()
        metrics = outputs.training_metrics(config, task, loop.plan, journal)
        if accelerator.is_main_process:
            outputs.write_json(config.metrics, metrics)
            outputs.write_model(config, task, loop.whole, tokenizer, loop.best, journal, metrics, facts)
        accelerator.wait_for_everyone()
        accelerator.end_training()
    return Result(summary=_summary(metrics), metadata={"model": _flat(facts), "metrics": metrics})


@contextmanager
def _work_directory(beside: Path, process: int) -> Iterator[Path]:
    """A directory for what is not finished; that of a killed run is removed first."""
    work = beside.with_name(f".{beside.name}.work-{process}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _open_dataset(directory: Path) -> Dataset:
    dataset = Dataset(directory)
    missing = [split for split in ("train", "validation") if split not in dataset.manifest.splits]
    if missing:
        raise UserError(f"there is no split {missing[0]!r}", where=str(directory), remedy="give what `fetch` wrote")
    found = damage(directory, dataset.manifest)
    if found:
        raise UserError(found[0], where=str(directory), remedy="run `fetch` again")
    return dataset


def _summary(metrics: dict[str, float]) -> str:
    shown = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items() if name.startswith("validation_"))
    return f"trained {metrics['steps']:.0f} steps, the best is {metrics['best_step']:.0f}: {shown}"


def _flat(facts: dict[str, object]) -> dict[str, object]:
    """The lineage as the flat properties that Kubeflow shows."""
    return {name: value for name, value in facts.items() if not isinstance(value, dict)}
