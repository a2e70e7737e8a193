"""The base model in memory: its tokenizer and its weights, as `train` begins with them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from components.shared.base_models import SAFE, WHERE, Trust, loading
from components.shared.errors import UserError
from components.train.config import QLORA, Config
from components.train.quantization import four_bit


def trust_of(config: Config) -> Trust:
    """What the options allow to be loaded."""
    return Trust(config.allow_pickle_weights, config.allow_remote_code)


def load_tokenizer(directory: Path, name: str, *, decoder: bool = False, trust: Trust = SAFE) -> Any:
    """The tokenizer of a model directory.

    Args:
        directory: The model directory.
        name: Its name, for errors.
        decoder: Whether the model reads from left to right only. It cannot see padding behind a text, so the token that
            ends a text may serve as padding.
        trust: What may be loaded.

    Raises:
        UserError: if it cannot be loaded or cannot pad.
    """
    from transformers import AutoTokenizer

    with loading(name):
        tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=trust.code)
    if tokenizer.pad_token_id is None and decoder:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token_id is None:
        raise UserError(f"the tokenizer of {name} has no padding token", where=WHERE, remedy="add one to its files")
    return tokenizer


def load_pretrained(auto_class: str, directory: Path, name: str, config: Config, **settings: Any) -> Any:
    """The model of a directory, in single precision, loaded by a class of transformers; raises UserError."""
    import torch
    import transformers

    trust = trust_of(config)
    if config.adapter == QLORA:
        settings |= four_bit(config)
    with loading(name):
        model, report = getattr(transformers, auto_class).from_pretrained(
            directory,
            dtype=torch.float32,
            use_safetensors=not trust.pickles or any(directory.glob("*.safetensors")),
            weights_only=True,
            trust_remote_code=trust.code,
            output_loading_info=True,
            **settings,
        )
    check_weights(model, report["missing_keys"], name)
    return model


def agree_on_padding(model: Any, tokenizer: Any) -> None:
    """Tells a model what its tokenizer pads with; classifiers that read from left to right must know."""
    if getattr(model.config, "pad_token_id", 0) is None:
        model.config.pad_token_id = tokenizer.pad_token_id


def check_weights(model: Any, missing: Collection[str], name: str) -> None:
    """Refuses a model most of whose tensors were not in its files and would start from random; raises UserError."""
    wanted = len(model.state_dict())
    if len(missing) > wanted / 2:
        raise UserError(
            f"{name} holds only {wanted - len(missing)} of the {wanted} tensors of a {model.config.model_type} model",
            where=WHERE,
            remedy="check that config.json and the weights belong together",
        )
