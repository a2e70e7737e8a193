"""Pins the base model, and refuses one that training could not load."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from components.shared import hub, mirrors
from components.shared.errors import UserError
from components.shared.new_models import NEW, pin_new_model
from components.shared.references import HUB, S3, Reference, is_local, local_path, pin_local
from components.shared.remote_code import check_remote_code, refuse_remote_code, remote_classes

WHERE: Final = "base_model"
PICKLES, CODE = "allow_pickle_weights", "allow_remote_code"
TOKENIZERS: Final = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model")
_SAFE: Final = re.compile(r".*\.safetensors")
_PICKLED: Final = re.compile(r".*\.(bin|pt|pth|pkl|ckpt)")


def pin_base_model(uri: str, train: Mapping[str, Any] = MappingProxyType({})) -> Reference:
    """Pins a directory, a GGUF file, a mirror in S3 or a hub repository to its content; a new model to its address.

    Args:
        uri: Its address.
        train: The options of `train` that are set.

    Raises:
        UserError: if it is not there, lacks its configuration, tokenizer or safetensors weights, or needs code that
            must not be run.
        RetryError: if the hub cannot be reached.
    """
    if uri.startswith(HUB):
        return _pin_hub(uri, train)
    if uri.startswith(S3):
        reference, names = mirrors.pin_model(uri, WHERE)
        _check_files(names, uri, train)
        return reference
    if uri.startswith(NEW):
        return pin_new_model(uri, WHERE)
    if not is_local(uri):
        remedy = "give a directory, package://, s3://, hf:// or new://"
        raise UserError(f"{uri!r} is not a model", where=WHERE, remedy=remedy)
    directory = local_path(uri, WHERE)
    if directory.suffix == ".gguf":
        _check_gguf(directory)
        return pin_local(uri, WHERE)
    if not directory.is_dir():
        raise UserError(f"{uri} is not a directory", where=WHERE, remedy="give the directory of a pretrained model")
    _check_files((path.name for path in directory.iterdir() if path.is_file()), uri, train)
    _check_config(directory / "config.json", uri)
    check_remote_code(directory, uri, allowed=_allows(train, CODE), where=WHERE, option=f"train.{CODE}")
    for path in sorted(directory.glob("*.safetensors")):
        _check_safetensors(path)
    return pin_local(uri, WHERE)


def _allows(train: Mapping[str, Any], option: str) -> bool:
    """Whether an option is set: it is a text where Kubeflow filled it in."""
    return str(train.get(option, False)).lower() == "true"


def _check_files(names: Iterable[str], uri: str, train: Mapping[str, Any]) -> None:
    present = set(names)
    missing = []
    if "config.json" not in present:
        missing.append("config.json")
    if not present.intersection(TOKENIZERS):
        missing.append(f"a tokenizer ({' or '.join(TOKENIZERS)})")
    if not any(map(_SAFE.fullmatch, present)):
        pickled = sorted(filter(_PICKLED.fullmatch, present))
        if pickled and not (_allows(train, PICKLES) and any(name.endswith(".bin") for name in pickled)):
            raise UserError(
                f"{uri} has pickled weights only ({pickled[0]}), which can run code when they are loaded",
                where=WHERE,
                remedy=f"convert them to safetensors, or set train.{PICKLES}",
            )
        if not pickled:
            missing.append("weights (*.safetensors)")
    if missing:
        raise UserError(f"{uri} lacks {', '.join(missing)}", where=WHERE, remedy="give a complete pretrained model")


def _check_config(path: Path, uri: str) -> None:
    try:
        known = "model_type" in json.loads(path.read_bytes())
    except (ValueError, TypeError):
        known = False
    if not known:
        raise UserError(f"config.json of {uri} names no model_type", where=WHERE, remedy="download the model again")


def _check_gguf(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise UserError(f"{path.name} is not a GGUF file", where=WHERE, remedy="download the model again")


def _check_safetensors(path: Path) -> None:
    """Compares the size with the header: finds cut downloads and pointers of Git LFS without reading the weights."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length) if length < path.stat().st_size else b""
    try:
        tensors = json.loads(header)
        tensors.pop("__metadata__", None)
        end = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
        whole = path.stat().st_size == 8 + length + end
    except (ValueError, TypeError, KeyError, AttributeError):
        whole = False
    if not whole:
        raise UserError(
            f"{path.name} is cut short or not a safetensors file", where=WHERE, remedy="download the model again"
        )


def _pin_hub(uri: str, train: Mapping[str, Any]) -> Reference:
    name, revision = hub.name_and_revision(uri, WHERE)
    info = hub.ask(name, revision, "model", WHERE)
    _check_files((file.rfilename for file in info.siblings or ()), uri, train)
    found = remote_classes(getattr(info, "config", None))
    refuse_remote_code(found, uri, allowed=_allows(train, CODE), where=WHERE, option=f"train.{CODE}")
    return Reference(f"{HUB}{name}", "commit", info.sha)
