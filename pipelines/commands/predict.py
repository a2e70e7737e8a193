"""`evertune predict`: the promoted model on texts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pipelines.commands import add_profile
from pipelines.local import local_store

if TYPE_CHECKING:
    from pathlib import Path

    from components.shared.champions import Champion
    from components.shared.objects import ObjectStore
    from pipelines.commands import Commands

ONE_LABEL, SEVERAL_LABELS = "classification", "multilabel_classification"
LEAST = 0.5
"""The probability from which on a text has a label, where it may have several."""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("predict", help="label texts with the promoted model")
    add_profile(parser)
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="one text or more")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints the most probable label of each text, or those more probable than not where a text has several."""
    from components.shared.errors import UserError
    from pipelines.steps import module_of

    if not all(text.strip() for text in arguments.texts):
        raise UserError("a text is empty", where="predict", remedy='give one, as in make predict TEXT="a fine film"')
    with local_store(arguments.profile) as (store, parameters):
        champion = _champion(store, parameters["model_name"])
        model = _directory(store, champion.digest)
    probabilities, labels = module_of("evaluate", "predictions").predict(model, arguments.texts, batch_size=32)
    for text, row in zip(arguments.texts, probabilities, strict=True):
        told = sorted(zip(labels, row, strict=True), key=lambda one: -one[1])
        told = told[:1] if _task(champion) == ONE_LABEL else [one for one in told if one[1] > LEAST]
        print("  ".join([*(f"{label}  {p:.3f}" for label, p in told)] or ["no label"]), text, sep="  ")


def _task(champion: Champion) -> str:
    return str(champion.lineage.get("task", ONE_LABEL))


def _champion(store: ObjectStore, model_name: str) -> Champion:
    """The champion, if it is one that labels texts."""
    from components.shared import champions
    from components.shared.errors import UserError

    champion = champions.current(store, model_name)
    if champion is None:
        raise UserError("no model is promoted yet", where=model_name, remedy="run `make run` first")
    if (task := _task(champion)) not in (ONE_LABEL, SEVERAL_LABELS):
        raise UserError(
            f"the champion's task is {task}, and this command labels texts",
            where=model_name,
            remedy="get it with `evertune models pull --into DIR`: DIR/README.md shows how to ask it",
        )
    return champion


def _directory(store: ObjectStore, digest: str) -> Path:
    """The files of a model on this machine, downloaded when they are not there yet."""
    from components.shared import models
    from pipelines.workspace import HOME

    place = HOME / "models" / digest
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        models.download_model(store, digest, place)
    return place
