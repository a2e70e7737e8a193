"""JSON objects without what Python's parser lets pass: NaN, keys given twice, lone surrogates."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import orjson


class Refused(ValueError):
    """The text is not one valid JSON object; the message is a short fixed reason."""


def parse_object(line: bytes) -> dict[str, Any]:
    """Parses one JSON object; raises Refused."""
    quick = _quickly(line)
    return _strictly(line) if quick is None else quick


def _quickly(line: bytes) -> dict[str, Any] | None:
    """The object if it is flat and beyond doubt; the quick parser lets keys pass that are given twice."""
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if type(values) is not dict:
        return None
    texts = 0
    for value in values.values():
        if type(value) is str:
            texts += 1
        elif value is not None and type(value) not in (int, bool):
            return None
    quotes = line.count(b'"')
    if b"\\" in line:
        # A backslash before a quote may itself be escaped.
        quotes -= (line.replace(b"\\\\", b"") if b"\\\\" in line else line).count(b'\\"')
    # Each key and each text has two quotes; a key that is given twice has more than are accounted for.
    return values if quotes == 2 * (len(values) + texts) else None


def _strictly(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8")
        value = json.loads(text, parse_constant=_constant, object_pairs_hook=_unique)
    except Refused:
        raise
    except UnicodeDecodeError:
        raise Refused("not valid UTF-8") from None
    except RecursionError:
        raise Refused("nested too deeply") from None
    except ValueError:
        raise Refused("not valid JSON") from None
    if not isinstance(value, dict):
        raise Refused("not a JSON object")
    # Only an escape can give a surrogate here, and then the line holds "\u".
    if "\\u" in text and _has_lone_surrogate(value):
        raise Refused("lone surrogate in a text")
    return value


def _constant(name: str) -> NoReturn:
    raise Refused(f"{name} is not valid JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise Refused("a key is given twice")
    return values


def _has_lone_surrogate(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
