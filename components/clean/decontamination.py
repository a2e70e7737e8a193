"""Texts that hold a piece of a given evaluation set, so that a model would be asked what it has learned by heart.

A piece is a run of so many words (single characters in scripts without spaces), compared without case and punctuation:
13 as in the training of GPT-3 (Brown et al. 2020, appendix C). An evaluation text that is shorter is one piece if it
has at least LEAST words; still shorter ones are found only as whole texts.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xxhash

from components.clean.scripts import UNSPACED
from components.shared.errors import UserError

LEAST: Final = 5
_NO_TEXTS: Final = ("id", "label", "labels", "meta", "role")
_WHERE: Final = "clean.evaluation_set"
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


def read_texts(path: Path) -> Iterator[str]:
    """The texts of a file, or of the files of known formats in a directory.

    Raises:
        UserError: if the file is of no known format or broken.
    """
    files = sorted(file for file in path.rglob("*") if file.suffix in _READERS) if path.is_dir() else [path]
    for file in files:
        if file.suffix not in _READERS:
            raise UserError(
                f"{file.name} is of no known format",
                where=_WHERE,
                remedy=f"give a file that ends in {', '.join(_READERS)}",
            )
        try:
            yield from _strings(_READERS[file.suffix](file))
        except (ValueError, RecursionError, csv.Error) as error:
            raise UserError(f"{file.name} cannot be read ({error})", where=_WHERE, remedy="correct it") from None


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        yield from lines


def _json_lines(file: Path) -> Iterator[Any]:
    return map(json.loads, filter(str.strip, _lines(file)))


def _parquet_rows(file: Path) -> Iterator[Any]:
    from pyarrow import parquet

    for batch in parquet.ParquetFile(file).iter_batches():
        yield from batch.to_pylist()


_READERS: Final[dict[str, Callable[[Path], Iterable[Any]]]] = {
    ".jsonl": _json_lines,
    ".parquet": _parquet_rows,
    ".csv": lambda file: csv.reader(_lines(file)),
    ".tsv": lambda file: csv.reader(_lines(file), delimiter="\t"),
    ".txt": _lines,
}


def _strings(values: Iterable[Any]) -> Iterator[str]:
    """All texts in nested values but those that name what a row is."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from _strings(part for name, part in value.items() if name not in _NO_TEXTS)
        elif isinstance(value, list):
            yield from _strings(value)


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
