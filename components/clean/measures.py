"""What can be measured of a text to tell running text from what is none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

from components.clean.scripts import UNSPACED

_TOKEN: Final = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
_UNSPACED: Final = re.compile(f"[{UNSPACED}]")
_CHINESE: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LETTER: Final = re.compile(r"[^\W\d_]")
_EMPTY_LINES: Final = re.compile(r"\n\s*\n")
_SYMBOL: Final = re.compile(r"#|\.\.\.|…+")
_SENTENCE_END: Final = re.compile(r"[.!?][\"'”’)]*(?:\s|$)|[。！？…]+")
_STOP_WORDS: Final = frozenset("the be to of and that have with".split())  # noqa: SIM905
_STOP_CHARACTERS: Final = frozenset("的了是在和有不这我就")
_UNSPACED_SHARE: Final = 0.3
_CHARACTERS_OF_A_WORD: Final = 1.5
"""Mean length of a word of running Chinese."""
SHORT_LINE, SHORT_UNSPACED_LINE = 30, 15


class Measured:
    """A text, and what the rules ask of it; each measured when a rule asks for it."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def lines(self) -> list[str]:
        """Lines that are not empty."""
        return [line for line in self.text.split("\n") if line.strip()]

    @cached_property
    def paragraphs(self) -> list[str]:
        """What stands between empty lines."""
        return [paragraph for paragraph in _EMPTY_LINES.split(self.text) if paragraph.strip()]

    @cached_property
    def words(self) -> list[str]:
        """What stands between spaces."""
        return self.text.split()

    @cached_property
    def tokens(self) -> list[str]:
        """Words without punctuation; in scripts without spaces, characters."""
        return _TOKEN.findall(self.text.casefold())

    @cached_property
    def unspaced(self) -> bool:
        """Whether the text is mostly in a script without spaces."""
        return len(_UNSPACED.findall(self.text)) > _UNSPACED_SHARE * max(1, len(_LETTER.findall(self.text)))

    @property
    def number_of_words(self) -> float:
        """Words; in scripts without spaces, what as many characters usually are."""
        return len(self.tokens) / _CHARACTERS_OF_A_WORD if self.unspaced else len(self.words)

    @property
    def word_length(self) -> float:
        """Mean letters of a word; the mean that is usual where there are no spaces."""
        if self.unspaced:
            return _CHARACTERS_OF_A_WORD * 3  # within every limit: the rule is for words
        return sum(map(len, self.words)) / max(1, len(self.words))

    @property
    def symbols(self) -> float:
        """Signs # and ellipses for each word."""
        return len(_SYMBOL.findall(self.text)) / max(1.0, self.number_of_words)

    @property
    def alphabetic_words(self) -> float:
        """Share of words with a letter; in scripts without spaces, of the characters that are letters."""
        units = [sign for sign in self.text if not sign.isspace()] if self.unspaced else self.words
        return sum(_LETTER.search(unit) is not None for unit in units) / max(1, len(units))

    @property
    def stop_words(self) -> float:
        """How many different function words it has."""
        return len(set(self.tokens) & (_STOP_CHARACTERS if self.unspaced else _STOP_WORDS))

    @property
    def sentences(self) -> float:
        """Sentences that end as sentences do."""
        return len(_SENTENCE_END.findall(self.text))

    @property
    def short_lines(self) -> float:
        """Share of lines that are short."""
        longest = SHORT_UNSPACED_LINE if self.unspaced else SHORT_LINE
        return self.share(lambda line: len(line.strip()) < longest)

    @property
    def duplicate_lines(self) -> float:
        """Share of lines that stand there already."""
        return _duplicates(self.lines)

    @property
    def duplicate_line_characters(self) -> float:
        """Share of characters that are in such lines."""
        return _duplicate_characters(self.lines)

    @property
    def duplicate_paragraphs(self) -> float:
        """Share of paragraphs that stand there already."""
        return _duplicates(self.paragraphs)

    @property
    def duplicate_paragraph_characters(self) -> float:
        """Share of characters that are in such paragraphs."""
        return _duplicate_characters(self.paragraphs)

    @property
    def chinese_share(self) -> float:
        """Share of Chinese characters in all that is not white space."""
        return len(_CHINESE.findall(self.text)) / max(1, sum(map(len, self.words)))

    @property
    def line_length(self) -> float:
        """Mean characters of a line."""
        return sum(map(len, self.lines)) / max(1, len(self.lines))

    def share(self, holds: Callable[[str], bool]) -> float:
        """Share of lines for which something holds."""
        return sum(map(holds, self.lines)) / max(1, len(self.lines))

    def runs(self, size: int) -> list[tuple[str, ...]]:
        """All runs of so many tokens."""
        return list(zip(*(self.tokens[start:] for start in range(size)), strict=False))

    def top_run(self, size: int) -> float:
        """Share of characters in the most frequent run of so many words, if it stands there more than once."""
        runs = Counter(self.runs(size * 2 if self.unspaced else size))
        if not runs or (most := max(runs.values())) < 2:
            return 0.0
        longest = max(sum(map(len, run)) for run, number in runs.items() if number == most)
        return most * longest / max(1, sum(map(len, self.tokens)))

    def repeated_runs(self, size: int) -> float:
        """Share of characters in runs that stand there already; each counts once."""
        seen: set[tuple[str, ...]] = set()
        covered, end = 0, 0
        for start, run in enumerate(self.runs(size)):
            if run in seen and start + size > end:
                covered += sum(map(len, self.tokens[max(start, end) : start + size]))
                end = start + size
            seen.add(run)
        return covered / max(1, sum(map(len, self.tokens)))

    def repeated_words(self, size: int) -> float:
        """The same of words: twice as many characters where words have no spaces."""
        return self.repeated_runs(size * 2 if self.unspaced else size)


def _duplicates(parts: Sequence[str]) -> float:
    return 1 - len(set(parts)) / max(1, len(parts))


def _duplicate_characters(parts: Sequence[str]) -> float:
    again = Counter(parts)
    return sum((n - 1) * len(part) for part, n in again.items()) / max(1, sum(map(len, parts)))
