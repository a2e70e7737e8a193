"""The directory of the base model where there is none yet: of a GGUF file, or of a model that is made from nothing."""

from __future__ import annotations

from pathlib import Path

from components.shared.base_models import WHERE, check_model_directory, check_task
from components.shared.datasets import Dataset
from components.shared.gguf import GGUF, unpack
from components.shared.new_models import NEW, parse_new_model
from components.shared.references import Reference
from components.train.config import Config
from components.train.new_model import make_model


def directory_of(found: Path, reference: Reference, dataset: Dataset, config: Config, work: Path) -> Path:
    """The directory of the base model.

    Args:
        found: What `open_base_model` found.
        reference: The base model.
        dataset: What a new model takes its words from.
        config: The options.
        work: A directory for what is made.

    Raises:
        UserError: if a file cannot be read as a model, or the model does not fit the task.
    """
    made = work / "base_model"
    if reference.uri.startswith(NEW):
        made.mkdir()
        make_model(parse_new_model(reference.uri, WHERE), dataset, config.seed, made)
    elif found.suffix == GGUF:
        unpack(found, made, reference.uri)
        check_model_directory(made, reference.uri, config.max_tokens)
        check_task(made, config.task, reference.uri)
    else:
        return found
    return made
