"""Chinese that was read in another encoding than it was written in, which ftfy does not mend or makes worse."""

from __future__ import annotations

import re
from typing import Final

_LATIN: Final = re.compile("[\x00-\x7f\xa1-\xfe]+")
"""What GB 2312 becomes when it is read as Latin-1."""
_SIGNS: Final = re.compile("[\xa1-\xbf]")
"""Signs of Latin-1: letters of other languages, misread, hold none of them."""
_MOST_FREQUENT: Final = re.compile("[的一是不了在人有我他这中大来上个国到说们]")
_HANZI: Final = re.compile("[一-龥]")
_KANA: Final = re.compile("[ぁ-ヺ]")
_LEVEL_1: Final = range(0xB0, 0xD8)
"""First bytes of the 3,755 frequent characters, which are ordered by their sound."""
_LAST_HANGUL: Final = 0xC8
"""In EUC-KR the last first byte of a syllable; Korean text has none above."""


def read_again(text: str) -> str | None:
    """The Chinese text that a text was before it was misread; None if it was none, or perhaps another language.

    Two ways are known: GB 2312 that was read as Latin-1 (`ÕâÊÇ`), and UTF-8 that was read as GBK (`杩欐槸`), if
    nothing was lost.
    """
    return _from_latin(text) if _LATIN.fullmatch(text) else _from_gbk(text)


def _from_latin(text: str) -> str | None:
    if not _SIGNS.search(text):
        return None
    try:
        found = text.encode("latin-1").decode("gb2312")
    except UnicodeDecodeError:
        return None
    leads = [character.encode("gb2312")[0] for character in _HANZI.findall(found)]
    frequent = [lead for lead in leads if lead in _LEVEL_1]
    is_chinese = len(leads) >= 4 and len(frequent) >= 0.9 * len(leads) and max(frequent) > _LAST_HANGUL
    return found if is_chinese and _MOST_FREQUENT.search(found) and not _KANA.search(found) else None


def _from_gbk(text: str) -> str | None:
    """What is no UTF-8 is refused at its first character, so that good texts cost little."""
    try:
        found = text.encode("gbk").decode()
    except UnicodeError:
        return None
    return found if len(_HANZI.findall(found)) >= 2 else None
