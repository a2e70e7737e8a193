"""Shingles: the overlapping pieces whose sets tell how alike two texts are.

Two words where words are separated by spaces, three characters where they are not (Chinese, Japanese,
Thai ...). Two words and not more, since short texts matter: with one of 20 words changed, 2-word
shingles give a similarity of .81, 3-word ones .71 and 5-word ones .52. With 3 % of the characters changed,
3-character shingles give .83, 5-character ones .73. Case and punctuation do not count.

Texts are taken many at a time, as one array of characters. A hash of each word comes from one running sum over all of
them: of the sum of code * FACTOR**place over the places of a word, divided by FACTOR to the place where it begins,
nothing is left of where it stands. Hashes depend on the content only, not on the process or the batch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

from components.clean.scripts import UNSPACED

Hashes = npt.NDArray[np.uint32]
Long = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
WORDS: Final = 2
CHARACTERS: Final = 3
UNSPACED_SHARE: Final = 0.3
"""Share of unspaced letters from which a text is cut into characters."""
BATCH_CHARS: Final = 1 << 17
_WORD: Final = re.compile(r"\w+")
_UNSPACED: Final = re.compile(f"[{UNSPACED}]+")
_IN_WORD, _IS_UNSPACED = 1, 2
_FACTOR: Final = 0xD1342543DE82EF95
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_HALF: Final = np.uint64(32)


def batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in batches of a size that is quick and takes little memory."""
    begin = size = 0
    for end, text in enumerate(texts, 1):
        size += len(text)
        if size >= BATCH_CHARS:
            yield texts[begin:end]
            begin, size = end, 0
    if begin < len(texts):
        yield texts[begin:]


def shingles(texts: Sequence[str]) -> tuple[Hashes, Places]:
    """The sets of shingles of texts, none of them empty.

    Returns:
        The hashes, text by text and sorted within each; and how many each text has.
    """
    folded = [text.casefold() for text in texts]
    ascii_only = np.array([text.isascii() for text in folded], bool)
    keys = np.concatenate(
        [np.empty(0, np.uint64), *(_keys(folded, np.flatnonzero(ascii_only == kind), kind) for kind in (True, False))]
    )
    keys.sort()
    keys = keys[_first_of_each(keys)]
    sizes = np.bincount((keys >> _HALF).astype(np.int64), minlength=len(texts))
    return keys.astype(np.uint32), sizes


def _keys(folded: Sequence[str], rows: Places, ascii_only: bool) -> Long:
    """A key for each place of a shingle: the number of the text and 32 bits of hash."""
    if not len(rows):
        return np.empty(0, np.uint64)
    joined = "\n".join(["", *(folded[row] for row in rows), ""])
    codes, kinds = _of_ascii(joined) if ascii_only else _of_any(joined)
    lengths = np.array([len(folded[row]) for row in rows])
    bounds = np.concatenate([[0], np.cumsum(lengths + 1)])
    in_word = kinds & np.uint8(_IN_WORD)
    unspaced = np.zeros(len(rows), bool) if ascii_only else _are_unspaced(kinds, bounds)
    parts = []
    if not unspaced.all():
        parts.append(_word_shingles(codes, in_word, bounds, unspaced))
    if unspaced.any():
        parts.append(_character_shingles(codes, in_word, bounds, unspaced))
    found = np.concatenate([part for part, _ in parts])
    owners = np.concatenate([owner for _, owner in parts])
    few = np.flatnonzero(np.bincount(owners, minlength=len(rows)) == 0)
    whole = np.array([_whole(folded[rows[number]]) for number in few], np.uint64)
    hashes = np.concatenate([found >> _HALF, whole])
    keys: Long = hashes | (rows[np.concatenate([owners, few])].astype(np.uint64) << _HALF)
    return keys


def _of_ascii(joined: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    data = joined.encode("ascii")
    return np.frombuffer(data, np.uint8), np.frombuffer(data.translate(_kinds(256).tobytes()), np.uint8)


def _of_any(joined: str) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    codes = np.frombuffer(joined.encode("utf-32-le", "replace"), np.uint32)
    return codes, _kinds(0x110000)[codes]


@lru_cache
def _kinds(size: int) -> npt.NDArray[np.uint8]:
    """For each code point whether it is a letter, a digit or the like, and whether its script has no spaces."""
    table, characters = np.zeros(size, np.uint8), "".join(map(chr, range(size)))
    for pattern, bit in ((_WORD, _IN_WORD), (_UNSPACED, _IS_UNSPACED)):
        for match in pattern.finditer(characters):
            table[match.start() : match.end()] |= bit
    return table


def _are_unspaced(kinds: npt.NDArray[np.uint8], bounds: Places) -> npt.NDArray[np.bool_]:
    unspaced, letters = (
        np.diff(np.searchsorted(np.flatnonzero(kinds & bit), bounds)) for bit in (_IS_UNSPACED, _IN_WORD)
    )
    return np.asarray(unspaced > UNSPACED_SHARE * letters)


def _word_shingles(
    codes: npt.NDArray[np.integer], in_word: npt.NDArray[np.uint8], bounds: Places, unspaced: npt.NDArray[np.bool_]
) -> tuple[Long, Places]:
    edges = np.flatnonzero(in_word[1:] != in_word[:-1])  # each is the place before a word or its last one
    before, last = edges[::2], edges[1::2]
    powers, inverses = _powers(1 << len(codes).bit_length())
    sums = np.cumsum(np.multiply(codes, powers[: len(codes)], dtype=np.uint64))
    words = (sums[last] - sums[before]) * inverses[before]
    words ^= words >> np.uint64(29)
    words *= _MULTIPLIER
    return _rolled(words, WORDS, np.searchsorted(before, bounds), unspaced)


def _character_shingles(
    codes: npt.NDArray[np.integer], in_word: npt.NDArray[np.uint8], bounds: Places, unspaced: npt.NDArray[np.bool_]
) -> tuple[Long, Places]:
    letters = np.flatnonzero(in_word)
    return _rolled(codes[letters].astype(np.uint64), CHARACTERS, np.searchsorted(letters, bounds), ~unspaced)


def _rolled(tokens: Long, size: int, bounds: Places, left_out: npt.NDArray[np.bool_]) -> tuple[Long, Places]:
    """Hashes of `size` tokens in a row, and the texts that they are of.

    Args:
        tokens: Those of all texts.
        size: How many make a shingle.
        bounds: Where the tokens of each text begin, and the end.
        left_out: Texts without shingles.
    """
    counts = np.diff(bounds)
    owners = np.repeat(np.arange(len(counts)), counts)
    if len(tokens) < size:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    count = len(tokens) - size + 1
    kept = owners[:count] == owners[size - 1 :]
    if left_out.any():
        kept &= ~left_out[owners[:count]]
    hashed = tokens[:count].copy()
    for offset in range(1, size):
        hashed *= _MULTIPLIER
        hashed ^= hashed >> np.uint64(29)
        hashed += tokens[offset : offset + count]
    hashed *= _MULTIPLIER
    return hashed[kept], owners[:count][kept]


@lru_cache(maxsize=2)
def _powers(size: int) -> tuple[Long, Long]:
    """FACTOR to the powers of 0, 1, 2 ..., and one divided by each but the first, modulo 2**64."""
    inverse = pow(_FACTOR, -1, 1 << 64)
    powers = [np.full(size + 1, factor, np.uint64) for factor in (_FACTOR, inverse)]
    for table in powers:
        table[0] = 1
        np.multiply.accumulate(table, out=table)
    return powers[0], powers[1][1:]


def _whole(text: str) -> int:
    """The only shingle of a text that is too short for any."""
    return xxhash.xxh32_intdigest((" ".join(_WORD.findall(text)) or text).encode("utf-8", "replace"))


def _first_of_each(keys: Long) -> npt.NDArray[np.bool_]:
    first = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    return first
