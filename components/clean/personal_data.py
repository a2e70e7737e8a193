"""Personal data in texts: e-mail addresses, phone numbers and IP addresses become placeholders.

A phone number must look like one: a country code, the groups of a North American number, or a Chinese
mobile or area code. So years, ratings, prices and scores stay.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-zA-Z]{2,24}(?![\w-])", re.ASCII)
_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IP: Final = re.compile(rf"(?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?![\d]|\.\d)", re.ASCII)
_PHONE: Final = re.compile(
    r"""(?<![\w.+/-])(?:
        \+[1-9]\d{0,2}(?:[ .-]?\(?\d{1,4}\)?){2,5}      # +49 (0)30 123456
      | (?:1[ .-])?\(\d{3}\)[ ]?\d{3}[ .-]\d{4}         # (212) 555-0123
      | (?:1[ .-])?[2-9]\d{2}([.-])\d{3}\1\d{4}         # 212-555-0123
      | 0\d{2,3}-\d{7,8}                                # 010-12345678
      | 1[3-9]\d{9}                                     # 13812345678
    )(?![\w/-]|\.\d)""",
    re.ASCII | re.VERBOSE,
)
_LEAST_DIGITS: Final = 8
_DIGIT: Final = re.compile(r"\d")
# Quick to look for, and without it there is none of the above.
_IP_LIKE: Final = re.compile(r"\.\d{1,3}\.\d")
_PHONE_LIKE: Final = re.compile(rf"\d(?:[ ().-]{{0,3}}\d){{{_LEAST_DIGITS - 1}}}")


def redact(text: str, found: Counter[str]) -> str:
    """The text with placeholders such as <EMAIL>; counts them in `found` by kind."""
    if "@" in text:
        text = _replaced(_EMAIL, "EMAIL", text, found)
    if _IP_LIKE.search(text):
        text = _replaced(_IP, "IP", text, found)
    if _PHONE_LIKE.search(text):
        text = _replaced(_PHONE, "PHONE", text, found)
    return text


def _replaced(pattern: re.Pattern[str], kind: str, text: str, found: Counter[str]) -> str:
    def placeholder(match: re.Match[str]) -> str:
        if kind == "PHONE" and len(_DIGIT.findall(match[0])) < _LEAST_DIGITS:
            return match[0]
        found[kind] += 1
        return f"<{kind}>"

    return pattern.sub(placeholder, text)
