"""Rules for lines of web pages, as C4 has them: what breaks one is removed, and the rest of the text stays.

Where they come from, and what their Chinese counterparts are, is told in docs/reference/quality-rules.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from components.clean.measures import Measured

LEAST_WORDS: Final = 5
_ENDS: Final = (*'.!?"”’', *"。！？」』")
_JAVASCRIPT: Final = ("javascript", "启用脚本", "开启脚本", "禁用脚本")
_POLICIES: Final = (
    *("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"),
    *("使用条款", "服务条款", "隐私政策", "隐私条款", "使用cookie", "使用 cookie", "cookie政策", "cookie 政策"),
)
_CITATION: Final = re.compile(r"\[(?:\d{1,3}|edit|citation needed|编辑|来源请求)\]", re.IGNORECASE)


@dataclass(frozen=True)
class LineRule:
    """A rule.

    Attributes:
        kept: Gives what is left of a line that is not empty; nothing removes it.
        meaning: What it does, for people.
    """

    kept: Callable[[str], str]
    meaning: str


def _unless(broken: Callable[[str], bool]) -> Callable[[str], str]:
    return lambda line: "" if broken(line) else line


def _without_citations(line: str) -> str:
    return _CITATION.sub("", line).rstrip() if "[" in line else line


RULES: Final[Mapping[str, LineRule]] = {
    "citations": LineRule(
        _without_citations, "removes `[1]`, `[edit]`, `[citation needed]`, `[编辑]`, `[来源请求]`; the line stays"
    ),
    "punctuation": LineRule(
        _unless(lambda line: not line.endswith(_ENDS)),
        "lines that do not end in a full stop, an exclamation or question mark or a closing quotation mark, "
        "also `。！？」』`",
    ),
    "words": LineRule(
        _unless(lambda line: Measured(line).number_of_words < LEAST_WORDS),
        f"lines of fewer than {LEAST_WORDS} words; Chinese: characters divided by 1.5",
    ),
    "javascript": LineRule(
        _unless(lambda line: _holds(line, _JAVASCRIPT)),
        f"lines with `javascript`; Chinese: also {', '.join(_JAVASCRIPT[1:])}",
    ),
    "policies": LineRule(_unless(lambda line: _holds(line, _POLICIES)), f"lines with {', '.join(_POLICIES)}"),
}
"""Each rule; citations first, since a line may end in one."""


def _holds(line: str, words: Collection[str]) -> bool:
    folded = line.casefold()
    return any(word in folded for word in words)


def kept_lines(text: str, chosen: Collection[str]) -> str:
    """What the chosen rules leave of a text; lines that were empty before stay."""
    rules = [rule.kept for name, rule in RULES.items() if name in chosen]
    lines = []
    for line in text.split("\n"):
        left = line.rstrip()
        for rule in rules if left else ():
            left = rule(left)
            if not left.strip():
                break
        else:
            lines.append(left)
    return "\n".join(lines).strip()
