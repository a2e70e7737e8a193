"""The language of a text, by a model that ships inside a package: n-grams of eldc, 60 languages, no network."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

UNSURE: Final = ""
MOST_CHARACTERS: Final = 2_000
"""So much of a text is looked at: more does not change the answer."""


def language_of(text: str) -> str:
    """The language, one of the configuration's LANGUAGES; UNSURE where the text is too short or too mixed to tell."""
    found = _detector().detect_details(text[:MOST_CHARACTERS].encode("utf-8", "replace").decode())
    return str(found.language) if found.reliable else UNSURE


@cache
def _detector() -> Any:
    import eldc

    eldc.init()
    return eldc
