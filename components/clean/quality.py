"""Rules that tell running text from what is none: lists, menus, repetitions, placeholders.

Where the rules come from is told in docs/reference/quality-rules.md. A rule is the name of a limit, which begins with
`min_` or `max_`, and a measure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from components.clean.measures import SHORT_LINE, SHORT_UNSPACED_LINE, Measured

_RUN: Final = 13
_BULLETS: Final = ("•", "‣", "▪", "●", "○", "■", "□", "◆", "※", "·", "-", "*", "–")
_ELLIPSES: Final = ("...", "…")
_LINE_ENDS: Final = (*".!?:;\"'”’)]", *"。！？：；…」』）》】")


@dataclass(frozen=True)
class Rule:
    """A measure of a text.

    Attributes:
        measure: Gives a number.
        meaning: What it counts, for people.
    """

    measure: Callable[[Measured], float]
    meaning: str


_WORDS: Final = Rule(lambda text: text.number_of_words, "words; Chinese: characters divided by 1.5")
_WORD_LENGTH: Final = Rule(lambda text: text.word_length, "mean letters of a word; Chinese: not judged")
_REPEATED: Final = Rule(
    lambda text: text.duplicate_line_characters, "share of characters in lines that stood there already"
)
RULES: Final[Mapping[str, Rule]] = {
    "min_words": _WORDS,
    "max_words": _WORDS,
    "min_word_length": _WORD_LENGTH,
    "max_word_length": _WORD_LENGTH,
    "max_symbols": Rule(lambda text: text.symbols, "`#` and ellipses for each word"),
    "max_bullet_lines": Rule(
        lambda text: text.share(lambda line: line.lstrip().startswith(_BULLETS)),
        "share of lines that begin with a bullet",
    ),
    "max_ellipsis_lines": Rule(
        lambda text: text.share(lambda line: line.rstrip().endswith(_ELLIPSES)),
        "share of lines that end in an ellipsis",
    ),
    "min_alphabetic_words": Rule(
        lambda text: text.alphabetic_words, "share of words with a letter; Chinese: of characters that are letters"
    ),
    "min_stop_words": Rule(
        lambda text: text.stop_words,
        "how many of the, be, to, of, and, that, have, with it has; Chinese: of 的了是在和有不这我就",
    ),
    "max_duplicate_lines": Rule(lambda text: text.duplicate_lines, "share of lines that stood there already"),
    "max_duplicate_paragraphs": Rule(
        lambda text: text.duplicate_paragraphs, "share of paragraphs that stood there already"
    ),
    "max_duplicate_line_characters": _REPEATED,
    "max_duplicate_paragraph_characters": Rule(
        lambda text: text.duplicate_paragraph_characters,
        "share of characters in paragraphs that stood there already",
    ),
    **{
        f"max_top_{size}_words": Rule(
            partial(Measured.top_run, size=size),
            f"share of characters in the most frequent run of {size} words; Chinese: of {2 * size} characters",
        )
        for size in (2, 3, 4)
    },
    **{
        f"max_repeated_{size}_words": Rule(
            partial(Measured.repeated_words, size=size),
            f"share of characters in repeated runs of {size} words; Chinese: of {2 * size} characters",
        )
        for size in range(5, 11)
    },
    "min_sentences": Rule(lambda text: text.sentences, "sentences that end in `.!?` or `。！？`"),
    "max_lorem_ipsum": Rule(
        lambda text: text.text.casefold().count("lorem ipsum"), "how often `lorem ipsum` stands there"
    ),
    "max_curly_brackets": Rule(lambda text: text.text.count("{"), "how often `{` stands there"),
    "min_punctuated_lines": Rule(
        lambda text: text.share(lambda line: line.rstrip().endswith(_LINE_ENDS)),
        "share of lines that end in punctuation",
    ),
    "max_short_lines": Rule(
        lambda text: text.short_lines,
        f"share of lines with fewer than {SHORT_LINE} characters; Chinese: {SHORT_UNSPACED_LINE}",
    ),
    "max_repeated_line_characters": _REPEATED,
    "min_line_length": Rule(lambda text: text.line_length, "mean characters of a line"),
    "min_characters": Rule(lambda text: len(text.text), "characters"),
    "min_chinese_share": Rule(lambda text: text.chinese_share, "share of Chinese characters in all but white space"),
    f"max_repeated_{_RUN}_characters": Rule(
        partial(Measured.repeated_runs, size=_RUN), f"share of characters in repeated runs of {_RUN} (words, if spaced)"
    ),
}


def violated(text: str, limits: Mapping[str, float]) -> str:
    """The first limit that a text breaks, as a reason to drop it; empty when it keeps all."""
    measured = Measured(text)
    for name, limit in limits.items():
        value = RULES[name].measure(measured)
        if value < limit if name.startswith("min_") else value > limit:
            return f"quality: {name} {limit:g}"
    return ""
