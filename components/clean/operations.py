"""What is done to each text by itself, and which texts are too short or too long after it."""

from __future__ import annotations

from collections import Counter

from components.clean import characters, markup, personal_data
from components.clean.config import Config
from components.shared.texts import Row, compared_text

EMPTY, SHORT, LONG = "empty after cleaning", "too short", "too long"


class Operations:
    """Cleans texts as the options say, and counts.

    Attributes:
        changed: Texts that each operation changed.
        personal: Placeholders put in, by kind.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.changed: Counter[str] = Counter()
        self.personal: Counter[str] = Counter()
        self._steps = {
            "markup": markup.to_text if config.markup else None,
            "unicode repair": characters.repair if config.unicode_repair else None,
            "white space": characters.tidy,
            "personal data": self._redact if config.personal_data else None,
        }

    def clean(self, text: str) -> str:
        """The text after all operations."""
        for name, operation in self._steps.items():
            if operation:
                before, text = text, operation(text)
                self.changed[name] += text != before
        return text

    def defect(self, row: Row) -> str:
        """Why a cleaned row is dropped; empty when it is not."""
        text = compared_text(row)
        if not text.strip() or not row.get("target", text):
            return EMPTY
        if len(text) < self.config.min_chars:
            return SHORT
        return LONG if len(text) > self.config.max_chars else ""

    def _redact(self, text: str) -> str:
        return personal_data.redact(text, self.personal)
