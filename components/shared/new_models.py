"""Addresses of base models that do not exist yet: `new://<family>/<size>`, made by `train` before it trains.

    new://gpt2                                  a causal language model of the usual small size
    new://t5/width=256,layers=4,vocabulary=8000
    new://bert/tokenizer=wordpiece              with the tokenizer of its kind; without, all have BPE over bytes

Its tokenizer learns the words of the training rows and its weights are random, both functions of the dataset and the
seed. A small model of one's own texts and a first try need no other; where there is a pretrained one it is better.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.references import Reference

NEW: Final = "new://"
FAMILIES: Final = ("bert", "gpt2", "llama", "t5")
BPE: Final = "bpe"
TOKENIZERS: Final = {"wordpiece": ("bert",), "unigram": ("t5",), BPE: FAMILIES}
"""Kinds of tokenizers, and the families that have the special tokens which these make."""


@dataclass(frozen=True)
class NewModel:
    """Family and size of a model to make.

    Attributes:
        family: One of FAMILIES.
        width: Size of the hidden states.
        layers: Layers; of a t5, of encoder and decoder each.
        heads: Attention heads.
        vocabulary: Most tokens that its tokenizer knows.
        positions: Most tokens of a text.
        tokenizer: One of TOKENIZERS.
    """

    family: str
    width: int = 128
    layers: int = 4
    heads: int = 4
    vocabulary: int = 8000
    positions: int = 512
    tokenizer: str = BPE


def parse_new_model(uri: str, where: str) -> NewModel:
    """Reads an address; raises UserError for an unknown family or a size that cannot be."""
    family, _, size = uri.removeprefix(NEW).partition("/")
    if family not in FAMILIES:
        raise UserError(f"{uri!r} names no family", where=where, remedy=f"use {NEW} and one of {', '.join(FAMILIES)}")
    known = [field.name for field in fields(NewModel) if field.type == "int"]
    sizes: dict[str, Any] = {}
    for part in filter(None, size.split(",")):
        name, _, number = part.partition("=")
        if name == "tokenizer":
            sizes[name] = _tokenizer(number, family, where)
            continue
        if name not in known or not number.isdecimal() or not int(number):
            raise UserError(
                f"{part!r} is not a size", where=where, remedy=f"give name=number pairs of {', '.join(known)}"
            )
        sizes[name] = int(number)
    made = NewModel(family, **sizes)
    if made.width % made.heads:
        raise UserError(
            f"the width {made.width} cannot be shared by {made.heads} heads",
            where=where,
            remedy="give a width that is a multiple of the heads",
        )
    return made


def _tokenizer(kind: str, family: str, where: str) -> str:
    known = [name for name, families in TOKENIZERS.items() if family in families]
    if kind not in known:
        raise UserError(f"a {family} has no tokenizer {kind!r} here", where=where, remedy=f"use {' or '.join(known)}")
    return kind


def pin_new_model(uri: str, where: str) -> Reference:
    """The reference of a model that is made from its address, the dataset and the seed alone."""
    parse_new_model(uri, where)
    return Reference(uri, "sha256", hashlib.sha256(uri.encode()).hexdigest())
