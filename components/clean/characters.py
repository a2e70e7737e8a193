"""Unicode repair and white space."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from ftfy import fix_encoding
from ftfy.badness import is_bad

_KEPT_CONTROLS: Final = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85"
"""White space to Python: `tidy` turns it into spaces and line breaks."""
_INVISIBLE: Final = (
    *(chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _KEPT_CONTROLS),
    "\u00ad",  # soft hyphen
    "\u200b",  # zero-width space
    "\u2060",  # word joiner
    "\ufeff",  # byte order mark
    *map(chr, range(0x200E, 0x2010)),  # direction marks
    *map(chr, range(0x202A, 0x202F)),  # direction overrides
    *map(chr, range(0x2066, 0x206A)),  # direction isolates
    # U+200C and U+200D are not here: Persian, Indic scripts and emoji need them.
)
_REMOVED_ASCII: Final = "".join(filter(str.isascii, _INVISIBLE)).encode()
_REMOVED: Final = re.compile(f"[{re.escape(''.join(_INVISIBLE))}]")
_MANY_BREAKS: Final = re.compile(r"\n{3,}")


def repair(text: str) -> str:
    """The text with mojibake mended, in NFC, without control and zero-width characters."""
    if text.isascii():
        return text.encode().translate(None, _REMOVED_ASCII).decode()
    if is_bad(text):
        text = fix_encoding(text)
    return _REMOVED.sub("", unicodedata.normalize("NFC", text))


def tidy(text: str) -> str:
    """The text with single spaces, trimmed lines and at most one empty line in a row."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return _MANY_BREAKS.sub("\n\n", "\n".join(lines)).strip()
