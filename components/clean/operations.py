"""What is done to each text by itself, and which texts are dropped for what they are after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from components.clean import (
    characters,
    decontamination,
    languages,
    line_rules,
    markup,
    quality,
    repeated_lines,
    word_lists,
)
from components.clean.config import Config
from components.clean.personal_data import Redactor
from components.clean.placeholders import Placeholders, only_placeholders
from components.shared.named_files import named_file
from components.shared.texts import Row, compared_text
from components.shared.written_lists import names

MARKUP, SPACE = "markup", "white space"
_LASTING: Final = frozenset({MARKUP, SPACE})
"""What makes no other operation necessary again."""
EMPTY, SHORT, LONG = "empty after cleaning", "too short", "too long"
ONLY_PERSONAL: Final = "nothing but personal data"
LOST: Final = "an answer is no longer in its context after cleaning"
LANGUAGE: Final = "in another language"
BLOCKED: Final = "holds blocked words"
OVERLAP: Final = "overlaps the evaluation set"


class Operations:
    """Cleans texts as the options say, and counts.

    Args:
        config: The options.
        repeated: Lines to remove, as `repeated_lines` counted them.

    Attributes:
        changed: Texts that each operation changed.

    Raises:
        UserError: if a key or a file that an option names is not there.
    """

    def __init__(self, config: Config, repeated: frozenset[int] = frozenset()) -> None:
        self.config = config
        self.changed: Counter[str] = Counter()
        self._redactor = Redactor(names(config.personal_data_kinds), Placeholders(config.personal_data_key))
        self._steps = dict(self._chosen(repeated))
        self._first = {MARKUP: self._steps.pop(MARKUP)} if config.markup else {}
        self.changed.update(dict.fromkeys((*self._first, *self._steps), 0))
        self._defects: list[Callable[[str], str]] = [partial(_defect_of_form, config), *_filters(config)]

    @property
    def personal(self) -> Counter[str]:
        """Placeholders put in, by name."""
        return self._redactor.found

    def clean(self, text: str) -> str:
        """The text after all operations.

        What is left of a removed character may be mojibake, so all but the markup is done again until nothing changes.
        """
        changed: set[str] = set()
        text = self._applied(self._first, text, changed)
        while True:
            before, text = text, self._applied(self._steps, text, changed)
            if text == before or changed <= _LASTING:
                break
        self.changed.update(changed)
        return text

    def again(self, text: str) -> str:
        """The same for a piece of a text that was counted already."""
        counted = self.changed.copy(), self.personal.copy()
        made = self.clean(text)
        self.changed, self._redactor.found = counted
        return made

    def _applied(self, steps: Mapping[str, Callable[[str], str]], text: str, changed: set[str]) -> str:
        for name, operation in steps.items():
            before, text = text, operation(text)
            if text != before:
                changed.add(name)
        return text

    def defect(self, row: Row) -> str:
        """Why a cleaned row is dropped; empty when it is not."""
        text = compared_text(row)
        if not text.strip() or not row.get("target", text):
            return EMPTY
        if any(answer["start"] < 0 for answer in row.get("answers") or ()):
            return LOST
        return next(filter(None, (defect(text) for defect in self._defects)), "")

    def _chosen(self, repeated: frozenset[int]) -> Iterator[tuple[str, Callable[[str], str]]]:
        """The operations in their order, with the names under which they are counted."""
        config = self.config
        if config.markup:
            yield MARKUP, markup.to_main_text if config.main_content else markup.to_text
        if config.unicode_repair:
            yield "mojibake", characters.repair
        if config.invisible_characters:
            yield "invisible characters", characters.strip_invisible
        if config.normal_form:
            yield "normal form", characters.normaliser(config.normal_form)
        if config.full_width:
            yield "full width", characters.to_half_width
        if config.white_space:
            yield SPACE, characters.tidy
        if repeated:
            yield "repeated lines", partial(repeated_lines.without_lines, repeated=repeated)
        if rules := names(config.line_rules):
            yield "line rules", partial(line_rules.kept_lines, chosen=rules)
        if config.personal_data:
            yield "personal data", self._redactor.redact


def _defect_of_form(config: Config, text: str) -> str:
    if len(text) < config.min_chars:
        return SHORT
    if len(text) > config.max_chars:
        return LONG
    return ONLY_PERSONAL if only_placeholders(text) else ""


def _filters(config: Config) -> Iterator[Callable[[str], str]]:
    """The chosen filters; each gives the reason to drop a text."""
    if wanted := frozenset(names(config.languages)):
        yield lambda text: LANGUAGE if languages.language_of(text) not in (*wanted, languages.UNSURE) else ""
    if limits := config.limits():
        yield partial(quality.violated, limits=limits)
    if config.blocked_words:
        with named_file(config.blocked_words, "clean.blocked_words") as path:
            words = word_lists.read_words(path)
        yield lambda text: BLOCKED if words.count(text) >= config.blocked_word_count else ""
    if texts := decontamination.evaluation_texts(config.evaluation_texts):
        known = decontamination.EvaluationSet((row["text"] for row in texts.rows()), config.overlap_words)
        yield lambda text: OVERLAP if known.overlaps(text) else ""
