"""Variants of training texts: words replaced by synonyms, left out, swapped, misspelt, or all translated and back.

All of it is offline and seeded.
A variant depends on the seed, the text and its number alone. Words are what white space parts; a Chinese character is a
word of its own. Placeholders of personal data and numbers are never changed, nor is a negation or the word behind it:
without its "not" a text has another label.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any, Final

from components.split.back_translation import BackTranslation
from components.split.config import BACK_TRANSLATION, Config, names, synonym_groups
from components.split.synonyms import Synonyms

_PLACEHOLDER: Final = r"<[A-Z][A-Z_]*[^<>\s]*>"
_CJK: Final = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECE: Final = re.compile(rf"{_PLACEHOLDER}|[{_CJK}]|[^\W{_CJK}]+(?:['’-][^\W{_CJK}]+)*|\s+|.", re.DOTALL)
_WORD: Final = re.compile(r"[^\W\d_]")
_NEGATION: Final = re.compile(
    r"no|not|never|none|nobody|nothing|nowhere|neither|nor|without|hardly|barely|scarcely|cannot"
    r"|\w*n['’]t|dont|didnt|doesnt|isnt|wasnt|wont|cant"
    r"|[不没未无非别莫勿]",
    re.IGNORECASE,
)
_ARTICLES: Final = ("a", "an")
_TRIES: Final = 4
"""Draws for a variant that differs from its text, before an operation is given up."""
Row = Mapping[str, Any]


class Variants:
    """Makes variants of rows."""

    def __init__(self, config: Config) -> None:
        self.rate, self.seed = config.augment_rate, config.augment_seed
        self.operations = names(config.augment)
        self.synonyms = Synonyms(synonym_groups(config.synonyms))
        self._change: dict[str, Callable[[list[str], Random], None]] = {
            "synonym": self._synonym,
            "deletion": self._deletion,
            "swap": self._swap,
            "noise": self._noise,
        }
        self._back: BackTranslation | None = None
        if BACK_TRANSLATION in self.operations:
            self._back = BackTranslation(config.translation_model, config.back_translation_model)

    def of(self, row: Row, key: bytes, number: int) -> tuple[dict[str, Any], str] | None:
        """A variant of a row and the operation that made it; None when none differs from it.

        Args:
            row: The row.
            key: The hash of its text.
            number: Which of its variants; operations take turns, and one that changes nothing passes its turn on.
        """
        random = Random(hashlib.blake2b(b"%d %d " % (self.seed, number) + key).digest())  # noqa: S311
        turn = key[-1] + number  # each row begins with another operation
        for step in range(len(self.operations) * _TRIES):
            operation = self.operations[(turn + step // _TRIES) % len(self.operations)]
            made = _changed(row, partial(self.text, operation=operation, random=random))
            if made != row:
                return made, operation
        return None

    def text(self, text: str, operation: str, random: Random) -> str:
        """A variant of a text; the text itself where there is nothing to change."""
        if self._back and operation == BACK_TRANSLATION:
            return self._back.of(text)
        pieces = _PIECE.findall(text)
        self._change[operation](pieces, random)
        return "".join(pieces).strip() or text

    def _places(self, pieces: Sequence[str], random: Random) -> list[int]:
        """Places of the words to change: each with the same chance, and at least one."""
        words = _changeable(pieces)
        chosen = [place for place in words if random.random() < self.rate]
        return chosen or ([words[int(random.random() * len(words))]] if words else [])

    def _synonym(self, pieces: list[str], random: Random) -> None:
        known = [(begin, end, found) for begin, end, found in self._known(pieces)]
        chosen = [one for one in known if random.random() < max(self.rate, 1 / len(known))]
        for begin, end, found in reversed(chosen):
            pieces[begin:end] = [found[int(random.random() * len(found))]]

    def _known(self, pieces: Sequence[str]) -> list[tuple[int, int, tuple[str, ...]]]:
        """Where words with synonyms stand, and these; of several Chinese ones from one place on, the longest."""
        found, behind = [], 0
        for place in _changeable(pieces):
            known = self._longest(pieces, place) if place >= behind else None
            if known:
                behind, others = known
                if fitting := _fitting(others, pieces[:place]):
                    found.append((place, behind, fitting))
        return found

    def _longest(self, pieces: Sequence[str], place: int) -> tuple[int, tuple[str, ...]] | None:
        """Where the longest known word ends that begins at a place, and its synonyms."""
        for end in range(min(place + self.synonyms.longest, len(pieces)), place, -1):
            others = self.synonyms.of("".join(pieces[place:end]))
            if others is not None:
                return end, others
        return None

    def _deletion(self, pieces: list[str], random: Random) -> None:
        chosen = self._places(pieces, random)
        if len(chosen) == sum(bool(_WORD.match(piece)) for piece in pieces):
            chosen = chosen[1:]  # something has to stay
        for place in reversed(chosen):
            spaced = place + 1 < len(pieces) and pieces[place + 1].isspace()
            del pieces[place : place + 1 + spaced]

    def _swap(self, pieces: list[str], random: Random) -> None:
        words = _changeable(pieces)
        for place in self._places(pieces, random):
            behind = next((other for other in words if other > place), place)
            if not "".join(pieces[place + 1 : behind]).strip():  # never across punctuation
                pieces[place], pieces[behind] = pieces[behind], pieces[place]

    def _noise(self, pieces: list[str], random: Random) -> None:
        for place in self._places(pieces, random):
            pieces[place] = _misspelt(pieces[place], random)


def _changeable(pieces: Sequence[str]) -> list[int]:
    """Places of the words that may be changed: neither numbers nor negations, nor the word behind a negation."""
    found, negated = [], False
    for place, piece in enumerate(pieces):
        if _WORD.match(piece):
            negation = bool(_NEGATION.fullmatch(piece))
            if not negation and not negated:
                found.append(place)
            negated = negation
    return found


def _fitting(words: tuple[str, ...], before: Sequence[str]) -> tuple[str, ...]:
    """The words that go with an article, if one stands before them."""
    article = before[-2].lower() if len(before) > 1 and before[-1].isspace() else ""
    if article not in _ARTICLES:
        return words
    return tuple(word for word in words if (word[0].lower() in "aeiou") == (article == "an"))


def _misspelt(word: str, random: Random) -> str:
    """The word with a letter left out, doubled, or swapped with the next one; a single one can only be doubled."""
    at, way = int(random.random() * len(word)), int(random.random() * 3)
    if len(word) == 1 or way == 0:
        return word[:at] + word[at] + word[at:]
    if way == 1 or at + 1 == len(word):
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _changed(row: Row, change: Callable[[str], str]) -> dict[str, Any]:
    """The row with what a person wrote changed; targets, contexts with their answers, and labels stay as they are."""
    if "messages" in row:
        messages = row["messages"]
        return {
            **row,
            "messages": [
                {**one, "content": change(one["content"])} if one["role"] == "user" else one for one in messages
            ],
        }
    column = next(column for column in ("text", "source", "question") if column in row)
    return {**row, column: change(row[column])}
