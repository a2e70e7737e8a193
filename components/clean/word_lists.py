"""Texts with words of a given list: toxic ones, or whatever else should not be learned.

A word of letters with spaces around them is found as a whole word, whatever its case; one in a script without spaces
is found anywhere. Several words on a line are found as they stand.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from components.clean.scripts import UNSPACED
from components.shared.errors import UserError

_WORD: Final = re.compile(r"\w+")
_UNSPACED: Final = re.compile(f"[{UNSPACED}]")


class WordList:
    """The words to look for."""

    def __init__(self, words: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._phrases: list[re.Pattern[str]] = []
        self._pieces: dict[str, set[str]] = defaultdict(set)
        # Texts are in NFC by now; a list that was written on a Mac need not be.
        for word in filter(None, (" ".join(unicodedata.normalize("NFC", word).casefold().split()) for word in words)):
            if _UNSPACED.search(word):
                self._pieces[word[0]].add(word)
            elif _WORD.fullmatch(word):
                self._whole.add(word)
            else:
                self._phrases.append(re.compile(rf"(?<!\w){re.escape(word)}(?!\w)"))

    def count(self, text: str) -> int:
        """How often words of the list stand in a text."""
        text = " ".join(text.casefold().split())
        whole = sum(word in self._whole for word in _WORD.findall(text)) if self._whole else 0
        first = set(text) & self._pieces.keys()
        pieces = sum(text.count(piece) for sign in first for piece in self._pieces[sign])
        return whole + pieces + sum(len(phrase.findall(text)) for phrase in self._phrases)


def read_words(path: Path) -> WordList:
    """The list in a file: a word or phrase on each line; lines that begin with `#` are comments."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is not a text file in UTF-8 ({error})", where="clean.blocked_words", remedy="write it as UTF-8"
        ) from None
    words = [line for line in lines if line.strip() and not line.startswith("#")]
    if not words:
        raise UserError(f"{path} holds no word", where="clean.blocked_words", remedy="write one on each line")
    return WordList(words)
