"""Reads texts: the lines of a file, or a whole text file, HTML page, Markdown document or e-mail as one record."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from pathlib import Path
from typing import Final

from components.ingest.record import TOO_LONG, Reading, Record, require
from components.ingest.texts import AUTO, CUT, declared_encoding, decoded, encoding_of, is_sound, lines_of, open_text

HEADERS: Final = ("subject", "from", "to", "date")
LONGEST_HEADER: Final = 2000
UNREADABLE: Final = "not a readable e-mail"


def read_lines(path: Path, name: str, reading: Reading) -> Iterator[Record]:
    """A record for each line of a text file that is not blank."""
    if reading.whole_texts:
        yield from read_document(path, name, reading)
        return
    require(["text"], reading.wanted, name)
    encoding = encoding_of(path, name, reading.encoding)
    with open_text(path, encoding) as file:
        for number, line in enumerate(lines_of(file, reading.max_bytes), 1):
            text = line.rstrip("\r\n")
            if text.strip():
                yield Record(number, {"text": text}, _defect(text, encoding))


def read_page(path: Path, name: str, reading: Reading) -> Iterator[Record]:
    """The markup of an HTML page, which `clean` turns into text."""
    declared = declared_encoding(path) if reading.encoding == AUTO else reading.encoding
    yield from read_document(path, name, reading, declared)


def read_document(path: Path, name: str, reading: Reading, encoding: str = "") -> Iterator[Record]:
    """The whole text of a file."""
    require(["text"], reading.wanted, name)
    encoding = encoding_of(path, name, encoding or reading.encoding)
    with open_text(path, encoding) as file:
        text = file.read(reading.max_bytes + 1)
    if len(text) > reading.max_bytes:
        text = CUT
    yield Record(1, {"text": text.replace("\r\n", "\n")}, _defect(text, encoding))


def read_email(path: Path, name: str, reading: Reading) -> Iterator[Record]:
    """The body of an e-mail, plain text before HTML, and its headers."""
    require(["text", *HEADERS], reading.wanted, name)
    with path.open("rb") as file:
        data = file.read(reading.max_bytes + 1)
    if len(data) > reading.max_bytes:
        yield Record(1, {}, TOO_LONG)
        return
    try:
        message = email.message_from_bytes(data, policy=compat32)
        values = {header: _header(message, header, reading.encoding) for header in HEADERS}
        text = _body(message, reading.encoding)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        yield Record(1, {}, UNREADABLE)
        return
    yield Record(1, {"text": text, **values}, "" if is_sound(text) else UNREADABLE)


def _defect(text: str, encoding: str) -> str:
    if text.startswith(CUT):
        return TOO_LONG
    return "" if is_sound(text) else f"not valid {encoding.removesuffix('-sig').upper()}"


def _header(message: Message, name: str, encoding: str) -> str:
    given = next((value for header, value in message.raw_items() if header.lower() == name), "")
    declared = message.get_content_charset("")
    given = decoded(given.encode("utf-8", "surrogateescape"), declared, encoding)[:LONGEST_HEADER]
    try:
        parts = [_header_part(part, charset, encoding) for part, charset in decode_header(given)]
    except (ValueError, HeaderParseError):
        return given
    return " ".join("".join(parts).split())


def _header_part(part: bytes | str, charset: str | None, encoding: str) -> str:
    if isinstance(part, str):
        return part
    return decoded(part, charset, encoding) if charset else part.decode("raw-unicode-escape")


def _body(message: Message, encoding: str) -> str:
    """The first part of plain text that is not attached, or else the first of HTML; empty if there is none."""
    parts = [part for part in message.walk() if part.get_content_disposition() != "attachment"]
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.get_content_type() == kind and not part.is_multipart():
                payload = part.get_payload(decode=True)
                assert isinstance(payload, bytes)
                text = decoded(payload, part.get_content_charset(""), encoding)
                return text.replace("\r\n", "\n").strip()
    return ""
