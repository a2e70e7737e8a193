"""`evertune predict`: the promoted model on texts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pipelines.commands import add_profile
from pipelines.local import local_store

if TYPE_CHECKING:
    from pathlib import Path

    from components.shared.objects import ObjectStore
    from pipelines.commands import Commands


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("predict", help="label texts with the promoted model")
    add_profile(parser)
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="one text or more")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Prints the most probable label of each text with its probability."""
    from components.shared.errors import UserError
    from pipelines.steps import module_of

    if not all(text.strip() for text in arguments.texts):
        raise UserError("a text is empty", where="predict", remedy='give one, as in make predict TEXT="a fine film"')
    with local_store(arguments.profile) as (store, parameters):
        model = champion_directory(store, parameters["model_name"])
    probabilities, labels = module_of("evaluate", "predictions").predict(model, arguments.texts, batch_size=32)
    for text, row in zip(arguments.texts, probabilities, strict=True):
        best = int(row.argmax())
        print(f"{labels[best]}  {row[best]:.3f}  {text}")


def champion_directory(store: ObjectStore, model_name: str) -> Path:
    """The champion's files on this machine, downloaded when they are not there yet."""
    from components.shared import champions, models
    from components.shared.errors import UserError
    from pipelines.workspace import HOME

    champion = champions.current(store, model_name)
    if champion is None:
        raise UserError("no model is promoted yet", where=model_name, remedy="run `make run` first")
    place = HOME / "models" / champion.digest
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        models.download_model(store, champion.digest, place)
    return place
