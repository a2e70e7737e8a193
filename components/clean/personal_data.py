"""Personal data in texts: what identifies a person becomes a placeholder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from components.clean.detectors import SEARCHES, Detector
from components.clean.placeholders import Placeholders

_TYPESET: Final = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **dict.fromkeys(map(ord, "‐‑–−"), ord("-")),
    ord("\u3000"): ord(" "),
}
"""ASCII for full-width characters and for dashes as books have them."""
_HAS_TYPESET: Final = re.compile("[０-９Ｘｘ＠‐‑−]")
_HAS_DASH: Final = re.compile("[0-9]–[0-9]")


class Redactor:
    """Replaces personal data.

    Args:
        kinds: Which kinds of the option `personal_data_kinds`.
        placeholders: Makes what stands in their place.

    Attributes:
        found: Number of placeholders put in, by their names.
    """

    def __init__(self, kinds: Iterable[str], placeholders: Placeholders) -> None:
        chosen = set(kinds)
        self._searches = [
            (quick_test, [detector for detector in detectors if detector.kind in chosen])
            for quick_test, detectors in SEARCHES
        ]
        self._placeholders = placeholders
        self.found: Counter[str] = Counter()

    def redact(self, text: str) -> str:
        """The text with placeholders."""
        plain = text
        if not text.isascii() and (_HAS_TYPESET.search(text) or ("–" in text and _HAS_DASH.search(text))):
            plain = text.translate(_TYPESET)
        while True:  # a placeholder may make a border that was missing
            before = plain
            for quick_test, detectors in self._searches:
                if quick_test(plain):
                    text, plain = self._replaced(detectors, text, plain)
            if plain == before:
                return text

    def _replaced(self, detectors: Iterable[Detector], text: str, plain: str) -> tuple[str, str]:
        """The text, and the same in plain ASCII signs, by which personal data is found."""
        for detector in detectors:
            if found := list(self._found(detector, plain)):
                same = plain is text
                text = _spliced(text, found)
                plain = text if same else _spliced(plain, found)
        return text, plain

    def _found(self, detector: Detector, plain: str) -> Iterator[tuple[int, int, str]]:
        """Where personal data begins and ends, and its placeholder."""
        for match in detector.pattern.finditer(plain):
            start, stop = match.span("value" if "value" in detector.pattern.groupindex else 0)
            if form := detector.form(plain[start:stop]):
                stop = _stop(plain, start, stop, form) if detector.kind == "bank" else stop
                self.found[detector.name] += 1
                yield start, stop, self._placeholders.of(detector.name, form)


def _spliced(text: str, found: Iterable[tuple[int, int, str]]) -> str:
    pieces, end = [], 0
    for start, stop, placeholder in found:
        pieces += [text[end:start], placeholder]
        end = stop
    return "".join([*pieces, text[end:]])


def _stop(text: str, start: int, stop: int, form: str) -> int:
    """Where an account number ends, whose candidate may have caught a word in capitals after it."""
    left = len(form)
    for place in range(start, stop):
        left -= text[place] not in " -"
        if not left:
            return place + 1
    return stop
