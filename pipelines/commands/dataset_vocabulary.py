"""`evertune datasets tokenizer`: trains the vocabulary of a new tokenizer on a revision."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands import at_least, emit
from pipelines.local import local_store, registry_of

if TYPE_CHECKING:
    from components.shared.datasets import Dataset


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what the command is given."""
    parser.add_argument("revision", help="such as reviews/v1")
    parser.add_argument("--kind", choices=("bpe", "wordpiece", "unigram"), default="bpe", help="(default: bpe)")
    parser.add_argument("--size", type=at_least(1), default=8000, help="most tokens of the vocabulary (default: 8000)")
    parser.add_argument("--into", type=Path, required=True, help="the folder of the new tokenizer.json")
    parser.set_defaults(run=run_vocabulary)


def run_vocabulary(arguments: argparse.Namespace) -> None:
    """Pulls a revision and trains on its training rows."""
    from components.shared import registry
    from components.shared.datasets import Dataset
    from components.shared.vocabulary import train_vocabulary

    with local_store(arguments.profile) as (_, parameters), tempfile.TemporaryDirectory() as place:
        pulled = registry.reproduce(registry_of(parameters), arguments.revision, Path(place))
        texts = _texts(Dataset(pulled.directory))
        tokens = train_vocabulary(texts, arguments.kind, arguments.size, arguments.into)
    file = arguments.into / "tokenizer.json"
    facts = {"tokens": tokens, "kind": arguments.kind, "file": file}
    emit(arguments, facts, f"{tokens:,} tokens of kind {arguments.kind} in {file}")


def _texts(dataset: Dataset) -> Iterator[str]:
    """All texts of the training rows, those of targets and answers too."""
    for row in dataset.rows("train"):
        for value in row.values():
            if isinstance(value, str) and value not in (row["id"], row.get("label")):
                yield value
        for message in row.get("messages", ()):
            yield message["content"]
