"""`evertune models`: the history of champions."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import add_output, add_profile, emit, table
from pipelines.local import local_store

if TYPE_CHECKING:
    from components.shared.champions import Champion
    from components.shared.objects import ObjectStore
    from pipelines.commands import Commands

MAIN = ("accuracy", "micro_f1", "bits_per_byte", "perplexity", "chrf", "rougeL", "f1")
"""The metrics that tell of a model in one word, one of them for each task."""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("models", help="list champions, show one, go back to one")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    history = actions.add_parser("history", aliases=["list"], help="list all champions, the newest last")
    history.set_defaults(run=run_history)
    show = actions.add_parser("show", help="show one record as JSON, the current one by default")
    show.add_argument("sequence", nargs="?", type=int, help="number of the record")
    show.set_defaults(run=run_show)
    compared = actions.add_parser("diff", help="tell what differs between two records")
    compared.add_argument("sequences", nargs=2, type=int, metavar="N")
    compared.set_defaults(run=run_diff)
    pulled = actions.add_parser("pull", help="download a champion's model and prove every byte")
    pulled.add_argument("sequence", nargs="?", type=int, help="number of the record (default: the current one)")
    pulled.add_argument("--into", type=Path, required=True, help="a folder that does not exist yet")
    pulled.set_defaults(run=run_pull)
    rollback = actions.add_parser("rollback", help="make an earlier model the champion again")
    rollback.add_argument("--to", type=int, help="number of the record to go back to (default: the one before)")
    rollback.add_argument("--reason", required=True, help="why; it stands in the history")
    rollback.set_defaults(run=run_rollback)
    mirror = actions.add_parser("mirror", help="copy a base model to the object store, for clusters without a hub")
    mirror.add_argument("uri", nargs="?", help="a directory, package:// or hf:// (default: the profile's base_model)")
    mirror.set_defaults(run=run_mirror)
    for action in (history, show, compared, pulled, rollback, mirror):
        add_profile(action)
        add_output(action)


def run_history(arguments: argparse.Namespace) -> None:
    """Prints one line for each record."""
    from components.shared import champions

    with local_store(arguments.profile) as (store, parameters):
        records = champions.history(store, parameters["model_name"])
    headers = ("#", "time", "kind", "model", "dataset", "quality", "reason")
    emit(arguments, [dataclasses.asdict(one) for one in records], table(headers, [_line(one) for one in records]))


def run_show(arguments: argparse.Namespace) -> None:
    """Prints a record with its lineage."""
    with local_store(arguments.profile) as (store, parameters):
        record = _record(store, parameters["model_name"], arguments.sequence)
    print(json.dumps(dataclasses.asdict(record), indent=1, ensure_ascii=False))


def run_diff(arguments: argparse.Namespace) -> None:
    """Prints what two records have in different words or numbers."""
    with local_store(arguments.profile) as (store, parameters):
        old, new = (_facts(_record(store, parameters["model_name"], one)) for one in arguments.sequences)
    rows = [(name, old.get(name, "-"), new.get(name, "-")) for name in {**old, **new} if old.get(name) != new.get(name)]
    told = table(("", *(f"#{one}" for one in arguments.sequences)), rows) if rows else "nothing differs"
    emit(arguments, {name: [old.get(name), new.get(name)] for name, *_ in rows}, told)


def run_pull(arguments: argparse.Namespace) -> None:
    """Downloads a model; a folder that is there is not touched."""
    from components.shared import models
    from components.shared.errors import UserError

    if arguments.into.exists():
        raise UserError("it is there already", where=str(arguments.into), remedy="give a folder that does not exist")
    with local_store(arguments.profile) as (store, parameters):
        record = _record(store, parameters["model_name"], arguments.sequence)
        arguments.into.parent.mkdir(parents=True, exist_ok=True)
        models.download_model(store, record.digest, arguments.into)
    facts = {"digest": record.digest, "dataset_revision": record.dataset_revision, "directory": arguments.into}
    emit(arguments, facts, f"model {record.digest} of {record.dataset_revision} in {arguments.into}")


def run_rollback(arguments: argparse.Namespace) -> None:
    """Appends a record that names an earlier model."""
    from components.shared import champions

    with local_store(arguments.profile) as (store, parameters):
        record = champions.rollback(store, parameters["model_name"], arguments.to, arguments.reason)
    told = f"champion {record.sequence} is model {record.digest[:16]} of {record.dataset_revision}: {record.reason}"
    emit(arguments, dataclasses.asdict(record), told)


def run_mirror(arguments: argparse.Namespace) -> None:
    """Copies the model unless it is there, and prints what `base_model` is to be."""
    from components.shared import mirrors
    from components.shared.errors import UserError
    from pipelines.steps import module_of

    with local_store(arguments.profile) as (store, parameters):
        reference = module_of("resolve", "base_model").pin_base_model(arguments.uri or parameters["base_model"])
        directory, _ = module_of("train", "base_model").open_base_model(str(reference), max_tokens=1)
        if not directory.name or directory.is_file():
            raise UserError(
                f"{reference.uri} is not a directory of files",
                where="base_model",
                remedy="a new:// model needs no copy; save a GGUF model with save_pretrained",
            )
        mirrored = mirrors.mirror_model(store, directory)
    emit(arguments, {"base_model": mirrored}, f"base_model: {mirrored}")


def _record(store: ObjectStore, model_name: str, sequence: int | None) -> Champion:
    """A record by its number, the current one without; raises UserError if there is none."""
    from components.shared import champions
    from components.shared.errors import UserError

    records = champions.history(store, model_name)
    if not records:
        raise UserError("no model is promoted yet", where=f"champions of {model_name}", remedy="run `make run` first")
    wanted = len(records) if sequence is None else sequence
    if not 0 < wanted <= len(records):
        raise UserError(
            f"no record {wanted} among {len(records)}",
            where=f"champions of {model_name}",
            remedy="see `evertune models history`",
        )
    return records[wanted - 1]


def _facts(record: Champion) -> dict[str, object]:
    """What of a record can be compared, flat."""
    fields = dataclasses.asdict(record)
    nested = {f"{part}.{name}": value for part in ("metrics", "lineage") for name, value in fields.pop(part).items()}
    return {name: value for name, value in (fields | nested).items() if name not in ("sequence", "previous", "time")}


def _line(record: Champion) -> tuple[object, ...]:
    main = next((name for name in MAIN if name in record.metrics), "")
    shown = f"{main} {record.metrics[main]:.3f}" if main else "-"
    return (
        record.sequence,
        record.time,
        record.kind,
        record.digest[:16],
        record.dataset_revision,
        shown,
        record.reason,
    )
