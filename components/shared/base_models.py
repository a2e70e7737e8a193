"""Base models: where their files are, and whether they can be used, told before anything is loaded.

`train` tunes one, `evaluate` asks it again as it was before.
"""

from __future__ import annotations

import json
import os
import pickle
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.shared import mirrors
from components.shared.architectures import check_fit
from components.shared.errors import RetryError, UserError
from components.shared.new_models import NEW, parse_new_model
from components.shared.references import HUB, S3, Reference, is_local, local_path, open_local, parse_reference
from components.shared.remote_code import check_remote_code, remote_classes

WHERE: Final = "base_model"
DESCRIBING: Final = ("*.json", "*.txt", "*.model", "*.jinja", "README.md")
PATTERNS: Final = ("*.safetensors", *DESCRIBING)
"""Files of a hub repository that are downloaded: no code and no pickles, unless they are asked for."""
CODE, PICKLES = ("*.py",), ("*.bin", "*.bin.index.json")
TOKENIZER_FILES: Final = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model")


@dataclass(frozen=True)
class Trust:
    """What of a model may be loaded beside safetensors.

    Attributes:
        pickles: Weights of `torch.save`; read by an unpickler that knows tensors and nothing that runs.
        code: Its own Python code, with all rights of this process.
    """

    pickles: bool = False
    code: bool = False


SAFE: Final = Trust()


def open_base_model(
    reference_text: str, max_tokens: int, task: str = "", trust: Trust = SAFE
) -> tuple[Path, Reference]:
    """The directory of the pinned base model, checked; a GGUF file as it is, and nothing of a model yet to be made.

    Args:
        reference_text: What `resolve` gave.
        max_tokens: Length of the texts it must read.
        task: What it must learn; empty asks for nothing.
        trust: What may be loaded.

    Raises:
        UserError: if it does not exist, is not what was pinned, or is not a model we load.
        RetryError: if the hub cannot be reached.
    """
    reference = parse_reference(reference_text)
    if reference.uri.startswith(NEW):
        made = parse_new_model(reference.uri, WHERE)
        if task:
            check_fit(task, {"model_type": made.family}, reference.uri)
        _check_length(max_tokens, made.positions, reference.uri)
        return Path(), reference
    if is_local(reference.uri):
        directory = open_local(reference, WHERE)
    elif reference.uri.startswith(HUB):
        if task:  # a model that does not fit is refused before its weights are downloaded
            described = _download(reference, DESCRIBING)
            _check_code(described, reference.uri, trust)
            check_task(described, task, reference.uri)
        patterns = (*PATTERNS, *(CODE if trust.code else ()))
        directory = _download(reference, patterns)
        if trust.pickles and not any(directory.glob("*.safetensors")):
            directory = _download(reference, (*patterns, *PICKLES))
    elif reference.uri.startswith(S3):
        place = Path(tempfile.gettempdir(), "evertune-base-models", reference.value)
        directory = mirrors.fetch_model(reference, place, WHERE)
    else:
        raise UserError(
            f"{reference.uri} is not a model address", where=WHERE, remedy="give a directory, s3:// or hf://owner/name"
        )
    if directory.is_file():
        return directory, reference
    check_model_directory(directory, reference.uri, max_tokens, trust)
    if task:
        check_task(directory, task, reference.uri)
    return directory, reference


def settings_of(reference: Reference) -> dict[str, Any]:
    """The `config.json` of a pinned base model, without its weights; empty for a GGUF file or a model yet to be made.

    Raises:
        UserError: if it is not there or not that of a model.
        RetryError: if a store or the hub cannot be reached.
    """
    uri = reference.uri
    if uri.startswith(NEW):
        return {}
    if is_local(uri):
        directory = local_path(uri, WHERE)
        return {} if directory.is_file() else _settings(directory, uri)
    if uri.startswith(HUB):
        return _settings(_download(reference, DESCRIBING), uri)
    with tempfile.TemporaryDirectory() as scratch:
        mirrors.fetch_file(reference, "config.json", Path(scratch), WHERE)
        return _settings(Path(scratch), uri)


def check_task(directory: Path, task: str, name: str) -> None:
    """Raises UserError when the model of a directory cannot learn the task."""
    settings = _settings(directory, name)
    if not remote_classes(settings):  # what a model with its own code can do is known when it is loaded
        check_fit(task, settings, name)
    if task == "chat" and not _has_chat_template(directory):
        raise UserError(
            f"the tokenizer of {name} has no chat template",
            where=WHERE,
            remedy="choose a model tuned for chats, or add chat_template.jinja to its files",
        )


def check_model_directory(directory: Path, name: str, max_tokens: int, trust: Trust = SAFE) -> None:
    """Refuses what cannot or must not be loaded; raises UserError."""
    settings = _settings(directory, name)
    _check_code(directory, name, trust)
    if not any(directory.glob("*.safetensors")) and not (trust.pickles and any(directory.glob("*.bin"))):
        pickled = any(directory.glob("*.bin")) or any(directory.glob("*.pt"))
        found = "only pickled weights, which are not loaded" if pickled else "no weights"
        remedy = ", or set train.allow_pickle_weights" if pickled and not trust.pickles else ""
        raise UserError(f"{name} has {found}", where=WHERE, remedy=f"give a model saved as safetensors{remedy}")
    if not any((directory / file).exists() for file in TOKENIZER_FILES):
        raise UserError(f"{name} has no tokenizer", where=WHERE, remedy="save the tokenizer beside the weights")
    _check_length(max_tokens, settings.get("max_position_embeddings", max_tokens), name)


def _check_code(directory: Path, name: str, trust: Trust) -> None:
    check_remote_code(directory, name, allowed=trust.code, where=WHERE, option="train.allow_remote_code")


def _check_length(max_tokens: int, limit: int, name: str) -> None:
    if max_tokens > limit:
        raise UserError(
            f"{max_tokens} is more than {name} reads", where="train.max_tokens", remedy=f"give at most {limit}"
        )


def _settings(directory: Path, name: str) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads((directory / "config.json").read_bytes())
        str(settings["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{name} is not a model directory (config.json: {type(error).__name__})",
            where=WHERE,
            remedy="give a directory that `save_pretrained` wrote",
        ) from None
    return settings


def _has_chat_template(directory: Path) -> bool:
    if (directory / "chat_template.jinja").exists() or (directory / "chat_template.json").exists():
        return True
    try:
        return bool(json.loads((directory / "tokenizer_config.json").read_bytes()).get("chat_template"))
    except (OSError, ValueError, AttributeError):
        return False


def _download(reference: Reference, patterns: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    name = reference.uri.removeprefix(HUB)
    try:
        return Path(
            snapshot_download(
                name,
                revision=reference.value,
                allow_patterns=list(patterns),
                endpoint=os.environ.get("HF_ENDPOINT"),
            )
        )
    except GatedRepoError:
        raise UserError(f"{name} is gated", where=WHERE, remedy="accept its terms and set HF_TOKEN") from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise UserError(
            f"the hub has no {name} at {reference.value}", where=WHERE, remedy="correct the name, or set HF_TOKEN"
        ) from None
    except (HfHubHTTPError, OSError) as error:
        raise RetryError(
            f"the hub cannot be reached ({type(error).__name__})", where=name, remedy="run again"
        ) from error


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Turns what transformers raises for unusable files into a UserError."""
    from safetensors import SafetensorError

    try:
        yield
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{name} cannot be loaded: its pickled weights hold more than tensors",
            where=WHERE,
            remedy="convert them to safetensors where what they run does no harm, or choose another model",
        ) from error
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, EOFError, SafetensorError) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise UserError(
            f"{name} cannot be loaded: {first_line}", where=WHERE, remedy="check its files, or choose another model"
        ) from error
