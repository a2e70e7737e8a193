"""Shingles: the overlapping pieces whose sets tell how alike two texts are.

Two words where words are separated by spaces, five characters where they are not (Chinese, Japanese,
Thai ...). Two words and not more, since short texts matter: with one of 20 words changed, 2-word
shingles give a similarity of .81, 3-word ones .71 and 5-word ones .52. Case and punctuation do not count.
Hashes are xxHash of the content, so they do not depend on the process.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

Hashes = npt.NDArray[np.uint32]
WORDS: Final = 2
CHARACTERS: Final = 5
UNSPACED_SHARE: Final = 0.3
"""Share of unspaced letters from which a text is cut into characters."""
_WORD: Final = re.compile(r"\w+")
# Thai, Lao, Myanmar, Khmer; kana, CJK ideographs with their extensions and compatibility forms.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_MOST_WORDS: Final = 1 << 20


class _WordHashes(dict[str, int]):
    """The hash of each word, computed once."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MOST_WORDS:
            self.clear()
        hashed = self[word] = xxhash.xxh3_64_intdigest(word.encode())
        return hashed


_word_hashes: Final = _WordHashes()


def shingles(text: str) -> Hashes:
    """The set of shingles of a text, hashed to 32 bits, sorted; never empty."""
    text = text.casefold()
    words = _WORD.findall(text)
    if not text.isascii() and len(_UNSPACED.findall(text)) > UNSPACED_SHARE * sum(map(len, words)):
        codes = "".join(words).encode("utf-32-le", "replace")
        tokens, size = np.frombuffer(codes, np.uint32).astype(np.uint64), CHARACTERS
    else:
        tokens, size = np.array([_word_hashes[word] for word in words], np.uint64), WORDS
    if len(tokens) < size:
        whole = " ".join(words) or text
        return np.array([xxhash.xxh32_intdigest(whole.encode())], np.uint32)
    return _unique(_rolled(tokens, size))


def _rolled(tokens: npt.NDArray[np.uint64], size: int) -> Hashes:
    count = len(tokens) - size + 1
    hashed = tokens[:count].copy()
    for offset in range(1, size):
        hashed *= _MULTIPLIER
        hashed ^= hashed >> np.uint64(29)
        hashed += tokens[offset : offset + count]
    hashed *= _MULTIPLIER
    return (hashed >> np.uint64(32)).astype(np.uint32)


def _unique(hashes: Hashes) -> Hashes:
    hashes.sort()
    keep = np.empty(len(hashes), bool)
    keep[0] = True
    np.not_equal(hashes[1:], hashes[:-1], out=keep[1:])
    return hashes[keep]
