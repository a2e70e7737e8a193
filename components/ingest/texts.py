"""Texts in files: their encoding, found out where nobody tells it, and their lines, none longer than allowed."""

from __future__ import annotations

import codecs
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, TextIO

log = logging.getLogger("evertune.ingest")
AUTO: Final = "auto"
SAMPLE: Final = 1 << 18
"""Bytes at the beginning of a file that decide on its encoding."""
EVIDENCE: Final = 8
"""Bytes that are not UTF-8 from which on another encoding is looked for; fewer are broken records."""
CUT: Final = "\udc00"
"""Stands for a line that is too long. No decoder gives it."""
_BROKEN: Final = "\udcff"
_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks; those of UTF-32 begin like those of UTF-16 and come first."""
_DECLARED: Final = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_WIDER: Final = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "ascii": "cp1252", "shift_jis": "cp932"}
"""What is declared as one of these is mostly in the wider one."""
_CANDIDATES: Final = (
    *("gb18030", "big5", "cp932", "euc-jp", "cp949"),
    *("cp1250", "cp1251", "koi8-r", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256"),
)
SURE: Final = 0.18
"""Confidence from which on a guess is believed; short texts in Latin letters often stay below."""


def encoding_of(path: Path, name: str, wanted: str = AUTO) -> str:
    """The encoding of a text file, which is logged under its name if it is not UTF-8.

    A byte order mark decides, then what the user says. Otherwise it is UTF-8 unless most of what is not ASCII in the
    beginning is not UTF-8: a few such bytes are broken records of a UTF-8 file.
    """
    with path.open("rb") as file:
        found = _encoding(file.read(SAMPLE), wanted)
    if not found.startswith("utf-8"):
        log.info("%s is read as %s", name, found)
    return found


def _encoding(sample: bytes, wanted: str) -> str:
    for mark, encoding in _MARKS.items():
        if sample.startswith(mark):
            return encoding
    if wanted != AUTO:
        return wanted
    zeros, (broken, sound) = sample.count(0), _as_utf_8(sample)
    if zeros > len(sample) / 4:  # every other byte, as in European texts
        return _wide(sample)
    if broken < EVIDENCE or broken <= sound:
        return "utf-8"
    return (_wide(sample) if zeros and _is_wide(sample) else "") or _legacy(sample.replace(b"\0", b""))


def json_encoding_of(path: Path, name: str, wanted: str) -> str:
    """The same for JSON, which is UTF-8 by its standard: what the user says holds for files that cannot be."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE)
    broken, sound = _as_utf_8(sample)
    return encoding_of(path, name, wanted if broken > sound or 0 in sample else AUTO)


def _as_utf_8(sample: bytes) -> tuple[int, int]:
    """How many bytes are not UTF-8, and how many characters besides ASCII are if there are such bytes."""
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(sample)
    if text.isascii():
        return 0, 0
    broken = sum(1 for character in text if "\udc80" <= character <= "\udcff")
    return broken, len(text) - broken - sum(map(str.isascii, text)) if broken else 0


def declared_encoding(path: Path) -> str:
    """The encoding that the head of an HTML file declares, `auto` if it declares none that we know."""
    with path.open("rb") as file:
        match = _DECLARED.search(file.read(2048))
    name = _meant(match[1].decode("ascii", "replace")) if match else ""
    return AUTO if not name or name.startswith("utf") else name


def decoded(data: bytes, declared: str, encoding: str = AUTO) -> str:
    """The text of a part of a mail, with lone surrogates for what cannot be decoded.

    Args:
        data: Its bytes.
        declared: The encoding that the mail declares, empty for none; ASCII tells nothing about other bytes.
        encoding: What the user says of texts whose mail is silent or wrong.
    """
    told = (_meant(declared), declared) if "ascii" not in declared.lower() else ()
    for name in filter(None, (*told, "utf-8" if encoding == AUTO else encoding)):
        try:
            return data.decode(name)
        except (ValueError, LookupError):
            pass
    found = _legacy(data[:SAMPLE])
    return data.decode("cp1252" if found == "utf-8" else found, "surrogateescape")


def _meant(declared: str) -> str:
    """The encoding that is mostly meant where one is declared; empty if it is not known."""
    try:
        name = codecs.lookup(declared).name
        b"a".decode(name, "backslashreplace")  # base64 and idna are codecs, but none of texts
    except (LookupError, ValueError):
        return ""
    return _WIDER.get(name, name)


def open_text(path: Path, encoding: str) -> TextIO:
    """Opens a text file; see `as_text`."""
    return as_text(path.open("rb"), encoding)


def as_text(file: IO[bytes], encoding: str) -> TextIO:
    """The text of a file; what cannot be decoded becomes a lone surrogate: it costs one record, not the file."""
    errors = "surrogateescape" if encoding.startswith("utf-8") else "evertune.broken"
    return io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")


def lines_of(file: TextIO, limit: int) -> Iterator[str]:
    """The lines with their ends, as many as there are; CUT stands for one longer than `limit` characters."""
    while line := file.readline(limit):
        if len(line) < limit or line[-1] in "\r\n":
            yield line
            continue
        while len(line) == limit and line[-1] not in "\r\n":
            line = file.readline(limit)
        yield CUT + "\n"


def is_sound(text: str) -> bool:
    """Whether all of a text could be decoded."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wide(sample: bytes) -> str:
    """UTF-16 without a mark: the first byte of each letter is zero, or the second."""
    return "utf-16-be" if sample[::2].count(0) > sample[1::2].count(0) else "utf-16-le"


def _is_wide(sample: bytes) -> bool:
    """Whether it is certainly UTF-16, of which other encodings have no sound and printable text."""
    try:
        text = codecs.getincrementaldecoder(_wide(sample))().decode(sample)
    except UnicodeDecodeError:
        return False
    return "\n" in text and "\0" not in text


def _legacy(sample: bytes) -> str:
    import chardet

    found = chardet.detect(sample, include_encodings=_CANDIDATES)
    name = found["encoding"]
    return codecs.lookup(name).name if name and found["confidence"] >= SURE else "utf-8"


def _mark_broken(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return _BROKEN, error.end


codecs.register_error("evertune.broken", _mark_broken)
