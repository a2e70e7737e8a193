"""Unicode repair and white space. Each function gives an ASCII text back at once where it has nothing to do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from ftfy import fix_encoding
from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad

from components.clean.misread_chinese import read_again

_KEPT_CONTROLS: Final = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85"
"""White space to Python: `tidy` turns it into spaces and line breaks."""
_INVISIBLE: Final = (
    *(chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _KEPT_CONTROLS),
    "\u00ad",  # soft hyphen
    "\u200b",  # zero-width space
    *map(chr, range(0x2060, 0x2065)),  # word joiner, invisible signs
    "\ufeff",  # byte order mark
    "\u061c",
    *map(chr, range(0x200E, 0x2010)),  # direction marks
    *map(chr, range(0x202A, 0x202F)),  # direction overrides
    *map(chr, range(0x2066, 0x206A)),  # direction isolates
    # U+200C and U+200D are not here: Persian, Indic scripts and emoji need them.
)
_REMOVED_ASCII: Final = "".join(filter(str.isascii, _INVISIBLE)).encode()
_REMOVED: Final = re.compile(f"[{re.escape(''.join(_INVISIBLE))}\ud800-\udfff]")
_EVERYWHERE: Final = ("common", "start_punctuation", "end_punctuation")
"""What ftfy knows as mojibake always has a character besides those of these categories, which good texts hold too."""
_SUSPECT: Final = re.compile(f"[{''.join(v for name, v in MOJIBAKE_CATEGORIES.items() if name not in _EVERYWHERE)}]")
_MANY_BREAKS: Final = re.compile(r"\n{3,}")
_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code) not in "！（），：；？～"}
_HAS_FULL_WIDTH: Final = re.compile(f"[{re.escape(''.join(map(chr, _FULL_WIDTH)))}]")


def repair(text: str) -> str:
    """The text with mojibake mended: what was read in another encoding than it was written in."""
    if text.isascii():
        return text
    if chinese := read_again(text):
        return chinese
    if not _SUSPECT.search(text) or not is_bad(text):
        return text
    return str(fix_encoding(text))


def strip_invisible(text: str) -> str:
    """The text without control characters, zero-width characters, direction marks and lone surrogates."""
    if text.isascii():
        return text if text.isprintable() else text.encode().translate(None, _REMOVED_ASCII).decode()
    return _REMOVED.sub("", text)


def normaliser(form: str) -> Callable[[str], str]:
    """The function that brings a text into a Unicode normal form: NFC or NFKC."""

    def normalised(text: str) -> str:
        return text if text.isascii() else unicodedata.normalize(form, text)  # type: ignore[arg-type]

    return normalised


def to_half_width(text: str) -> str:
    """The text with full-width letters, digits and signs as ASCII ones; Chinese punctuation stays."""
    if text.isascii() or not _HAS_FULL_WIDTH.search(text):
        return text
    return text.translate(_FULL_WIDTH)


def tidy(text: str) -> str:
    """The text with single spaces, trimmed lines and at most one empty line in a row."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return _MANY_BREAKS.sub("\n\n", "\n".join(lines)).strip()
