"""The base model as it was before tuning, to be asked the same test rows.

It is asked with the tokenizer and the lengths of the tuned model, so that both see the same tokens.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, TypeVar

from components.evaluate.config import Config
from components.evaluate.models import trained_option
from components.shared.base_models import open_base_model, settings_of
from components.shared.errors import UserError
from components.shared.files import sha256_of
from components.shared.gguf import GGUF, unpack
from components.shared.models import DESCRIPTIONS
from components.shared.new_models import NEW
from components.shared.references import Reference, parse_reference
from components.shared.remote_code import remote_classes

Answer = TypeVar("Answer")
WEIGHTS: Final = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")
_CLASSIFIES: Final = ("ForSequenceClassification",)
_WRITES: Final = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "MTModel")
HEADS: Final = {
    "classification": _CLASSIFIES,
    "multilabel_classification": _CLASSIFIES,
    "question_answering": ("ForQuestionAnswering",),
    "masked_lm": ("ForMaskedLM", "ForPreTraining", "WithLMHeadModel"),
    "causal_lm": _WRITES,
    "chat": _WRITES,
    "translation": _WRITES,
    "summarization": _WRITES,
}
"""How the classes end that transformers names in config.json when the head that a task needs is pretrained too."""


@dataclass(frozen=True)
class BaseModel:
    """A base model beside the model that was made of it.

    Attributes:
        reference: The pinned base model.
        tuned: Directory of the tuned model.
        task: What it is asked to do.
    """

    reference: Reference
    tuned: Path
    task: str

    @property
    def name(self) -> str:
        """Its address."""
        return self.reference.uri

    @property
    def digest(self) -> str:
        """The identity of what it says: its content and the tokenizer, known without its weights."""
        digest = hashlib.sha256(self.reference.pin.encode())
        for path in _tokenizer_files(self.tuned):
            digest.update(f"\0{path.name}\0{sha256_of(path)}".encode())
        return digest.hexdigest()

    def unable(self, labels: Collection[str] = ()) -> str:
        """Why it cannot do the task untuned; empty when it can. Asks for its config.json only.

        Args:
            labels: Those of the dataset; a classification with others is another task.
        """
        if self.name.startswith(NEW):
            return "it was made from nothing"
        settings = settings_of(self.reference)
        if not settings:
            return ""  # a GGUF file holds a model that writes
        if remote_classes(settings) or trained_option(self.tuned, "allow_pickle_weights", False):
            return "it takes code of its own or pickled weights to load it"
        made_for = [str(name) for name in settings.get("architectures") or ()]
        if not any(name.endswith(HEADS[self.task]) for name in made_for):
            return f"its head for {self.task} is new: the base model is a {', '.join(made_for) or 'model without one'}"
        if labels and not _knows(settings, labels, self.task):
            return "its classification head knows other labels"
        return ""

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """A directory as `train` would have written it without a single step.

        Raises:
            UserError: if the base model is not there, is not what was pinned, or cannot be loaded.
            RetryError: if a store or the hub cannot be reached.
        """
        with tempfile.TemporaryDirectory() as scratch:
            found, _ = open_base_model(str(self.reference), 0)
            if found.suffix == GGUF:
                unpack(found, Path(scratch, "unpacked"), self.name)
                found = Path(scratch, "unpacked")
            made = Path(scratch, "model")
            made.mkdir()
            for path in (*_weights_of(found), *_tokenizer_files(self.tuned), self.tuned / "lineage.json"):
                if path.exists():
                    (made / path.name).symlink_to(path.resolve())
            yield made


def base_model_of(config: Config) -> BaseModel | None:
    """The base model to compare with; None when there is none, or no comparison is wanted."""
    if not config.compare_base_model or not config.base_model_reference:
        return None
    return BaseModel(parse_reference(config.base_model_reference), config.model, config.task)


def asked(base: BaseModel, labels: Collection[str], ask: Callable[[], Answer]) -> tuple[Answer | None, str]:
    """What it says, or why it is not asked: a base model that is gone or cannot be loaded stops no evaluation.

    Args:
        base: The base model.
        labels: Those of the dataset, if the task has any.
        ask: Asks it.
    """
    try:
        reason = base.unable(labels)
        return (None, reason) if reason else (ask(), "")
    except UserError as error:
        return None, error.line


def _knows(settings: dict[str, Any], labels: Collection[str], task: str) -> bool:
    several = settings.get("problem_type") == "multi_label_classification"
    known = (settings.get("id2label") or {}).values()
    return set(known) == set(labels) and several == (task == "multilabel_classification")


def _weights_of(directory: Path) -> list[Path]:
    return [path for path in sorted(directory.iterdir()) if any(fnmatchcase(path.name, one) for one in WEIGHTS)]


def _tokenizer_files(directory: Path) -> list[Path]:
    """All files of a model directory that neither hold weights nor describe."""
    weights = _weights_of(directory)
    files = (path for path in sorted(directory.iterdir()) if path.is_file())
    return [path for path in files if path not in weights and path.name not in DESCRIPTIONS]
