"""Texts that hold a piece of a given evaluation set, so that a model would be asked what it has learned by heart.

A piece is a run of so many words (single characters in scripts without spaces), compared without case and punctuation:
13 as in the training of GPT-3 (Brown et al. 2020, appendix C). An evaluation text that is shorter is one piece if it
has at least LEAST words; still shorter ones are found only as whole texts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

from components.clean.scripts import UNSPACED
from components.shared.datasets import ALL, Dataset
from components.shared.errors import UserError
from components.shared.manifest import damage

LEAST: Final = 5
Hashes = npt.NDArray[np.uint64]
_TOKEN: Final = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)


class EvaluationSet:
    """The pieces of an evaluation set.

    Args:
        texts: Its texts.
        size: Number of tokens of a piece.
    """

    def __init__(self, texts: Iterable[str], size: int) -> None:
        pieces: dict[int, list[Hashes]] = defaultdict(list)
        self._whole: set[bytes] = set()
        for tokens in map(_tokens, texts):
            if len(tokens) >= LEAST:
                length = min(size, len(tokens))
                pieces[length].append(_rolled(tokens, length))
            elif len(tokens):
                self._whole.add(tokens.tobytes())
        self._pieces = {length: np.unique(np.concatenate(found)) for length, found in pieces.items()}

    def overlaps(self, text: str) -> bool:
        """Whether a text holds a piece of the set."""
        tokens = _tokens(text)
        if len(tokens) < LEAST:
            return tokens.tobytes() in self._whole
        return any(
            bool(_among(_rolled(tokens, length), known).any())
            for length, known in self._pieces.items()
            if length <= len(tokens)
        )


def evaluation_texts(directory: Path) -> Dataset | None:
    """The texts of the evaluation set; None when there is none.

    Args:
        directory: What `ingest` wrote, or the empty path.

    Raises:
        UserError: if it is not whole.
    """
    if directory == Path():
        return None
    texts = Dataset(directory)
    if found := damage(directory, texts.manifest):
        raise UserError(
            f"{directory} is damaged ({found[0]})", where="clean.evaluation_texts", remedy="run `ingest` again"
        )
    return texts if texts.manifest.rows(ALL) else None


def _tokens(text: str) -> Hashes:
    found = _TOKEN.findall(text.casefold())
    return np.array([xxhash.xxh3_64_intdigest(token.encode("utf-8", "replace")) for token in found], np.uint64)


def _rolled(tokens: Hashes, size: int) -> Hashes:
    """The hash of each run of so many tokens."""
    count = len(tokens) - size + 1
    hashed = tokens[:count].copy()
    for offset in range(1, size):
        hashed *= _MULTIPLIER
        hashed ^= hashed >> np.uint64(29)
        hashed += tokens[offset : offset + count]
    return hashed


def _among(hashes: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.asarray(known[places] == hashes)
