"""Personal data in texts: what identifies a person becomes a placeholder.

Numbers must look like what they are said to be: a country code, the groups of a North American number or a Chinese
mobile or area code for a phone; a valid checksum for cards, bank accounts and Chinese identity numbers. So years,
ratings, prices and scores stay. Each search begins with a test that is quick and fails for most texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from components.clean import identifiers
from components.clean.placeholders import Placeholders

_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_WRITTEN_AT: Final = ("[at]", "(at)", "[AT]", "(AT)", "（at）")
_NUMBER_LIKE: Final = re.compile(r"[0-9](?:[ ().）-]{0,3}[0-9]){7}")
_IP_LIKE: Final = re.compile(r"\.[0-9]{1,3}\.[0-9]|[0-9a-fA-F]:[0-9a-fA-F]{0,4}:")
_FULL_WIDTH: Final = re.compile(
    r"[０-９Ａ-Ｚａ-ｚ＠．－＿0-9A-Za-z@._-]{0,64}[０-９＠][０-９Ａ-Ｚａ-ｚ＠．－＿0-9A-Za-z@._-]{0,64}"
)
_HAS_FULL_WIDTH: Final = re.compile("[０-９＠]")
_QUERY_NAMES: Final = "access_?token|auth_?token|token|api_?key|(?:client_)?secret|password|passwd|pwd|signature|sig"


def _same(value: str) -> str:
    return value


def _address_of(value: str) -> str:
    """`Jane (at) example [dot] org` as `jane@example.org`."""
    value = re.sub(r"\s*[\[(（]\s*at\s*[\])）]\s*", "@", value.lower())
    return re.sub(r"\s*[\[(（]\s*dot\s*[\])）]\s*", ".", value)


@dataclass(frozen=True)
class _Detector:
    """What one kind of personal data looks like.

    Attributes:
        kind: Its name as an option.
        name: Its name in the placeholder.
        pattern: Finds candidates; what a group `value` holds is replaced, else all of it.
        form: The candidate in its one form, or empty when it is none.
    """

    kind: str
    name: str
    pattern: re.Pattern[str]
    form: Callable[[str], str] = _same


def _detector(
    kind: str, pattern: str, form: Callable[[str], str] = _same, *, name: str = "", flags: int = 0
) -> _Detector:
    return _Detector(kind, name or kind.upper(), re.compile(pattern, re.ASCII | re.VERBOSE | flags), form)


_ACCOUNTS: Final = (_detector("credentials", r"://(?P<value>[^\s/@:<>]{0,100}:[!-.0-;=?-~]{1,200})@"),)
_QUERIES: Final = (
    _detector("credentials", rf"[?&;](?:{_QUERY_NAMES})=(?P<value>[^\s&\#\"'<>]{{4,}})", flags=re.IGNORECASE),
)
_EMAILS: Final = (
    _detector("email", r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-zA-Z]{2,24}(?![\w\u0338-])", str.lower),
)
_WRITTEN_EMAILS: Final = (
    _detector(
        "email",
        r"""(?<![\w.+-])[\w.+-]{1,64}[ ]?[\[(（]at[\])）][ ]?[\w-]{1,63}
            (?:(?:\.|[ ]?[\[(（]dot[\])）][ ]?)[\w-]{1,63}){1,8}(?![\w\u0338-])""",
        _address_of,
        flags=re.IGNORECASE,
    ),
)
_NUMBERS: Final = (
    _detector(
        "bank",
        r"(?<![\w-])(?:[A-Z]{2}\d\d(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,4})?|[a-z]{2}\d\d[a-z0-9]{11,30})",
        identifiers.iban_form,
    ),
    _detector("id", r"(?<![\w.-])\d{17}[\dXx](?![\w-]|\.\d)", identifiers.resident_id_form),
    _detector("id", r"(?<![\w.+/-])\d{3}([ -])\d\d\1\d{4}(?![\w/-]|\.\d)", identifiers.social_security_form),
    _detector(
        "id",
        r"""(?:\bSSN|social[ ]security(?:[ ](?:no|number))?|passport(?:[ ](?:no|number))?|护照号?码?|身份证号?码?)
            [.]?(?:[ ]is)?[ :：\#是]{0,3}(?P<value>[A-Za-z]{0,2}\d{7,9}|\d{15})(?![\w-]|\.\d)""",
        str.upper,
        flags=re.IGNORECASE,
    ),
    _detector(
        "card",
        r"(?<![\w.+-])62\d\d([ -])\d{4}\1\d{4}\1\d{4}\1\d{1,3}(?![\w-]|\.\d)",  # UnionPay has up to 19 digits
        identifiers.card_form,
    ),
    _detector(
        "card",
        r"""(?<![\w.+-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|3\d{3}([ -])\d{6}\2\d{4,5})(?![\w-]|\.\d)""",
        identifiers.card_form,
    ),
    _detector(
        "phone",
        r"""(?<![\w.+/-])(?:
            \+[1-9]\d{0,2}(?:[ .-]?\(?\d{1,4}\)?){2,5}      # +49 (0)30 123456
          | (?:1[ .-])?\(\d{3}\)[ ]?\d{3}[ .-]\d{4}         # (212) 555-0123
          | (?:1[ .-])?[2-9]\d{2}([.-])\d{3}\1\d{4}         # 212-555-0123
          | 0\d{2,3}-\d{7,8}(?:-\d{1,5})?                   # 010-12345678-123
          | 0(?:10|2\d|[3-9]\d\d)[ ]\d{7,8}                # 010 12345678
          | [(（]0\d{2,3}[)）][ -]?\d{7,8}(?:-\d{1,5})?      # (010) 12345678-123
          | (?:0086[ -]?)?1[3-9]\d{9}                       # 13812345678
          | (?:0086[ -]?)?1[3-9]\d([ -])\d{4}\2\d{4}        # 138-1234-5678
        )(?![\w/-]|\.\d)""",
        identifiers.phone_form,
    ),
    _detector(
        "phone",
        r"""(?:电话|手机|热线|传真|\b(?:tel|phone|fax|mobile|cell))号?码?[.]?(?:[ ](?:no[.]?|number))?(?:[ ]is)?
            [ :：是]{1,3}
            (?P<value>\d{3,4}[ -]?\d{4,5}|\d{10}|0\d{2,4}([ -])\d{3,4}\2\d{3,4})(?![\w-]|\.\d)""",
        identifiers.phone_form,
        flags=re.IGNORECASE,
    ),
)
_ADDRESSES: Final = (
    _detector(
        "ip",
        rf"(?<![\d.v])(?<!version[ ])(?<!Version[ ])(?<!版本)(?<!版本号){_OCTET}(?:\.{_OCTET}){{3}}(?![\d]|\.\d)",
        identifiers.address_form,
    ),
    _detector("ip", r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])", identifiers.address_form),
)
_SEARCHES: Final[tuple[tuple[Callable[[str], object], tuple[_Detector, ...]], ...]] = (
    (lambda text: "://" in text and "@" in text, _ACCOUNTS),
    (lambda text: "=" in text and ("?" in text or "&" in text), _QUERIES),
    (lambda text: "@" in text, _EMAILS),
    (lambda text: any(mark in text for mark in _WRITTEN_AT), _WRITTEN_EMAILS),
    (_IP_LIKE.search, _ADDRESSES),
    (_NUMBER_LIKE.search, _NUMBERS),
)
"""In this order: a quick test without which there is none, and what it is the test for."""


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
            for quick_test, detectors in _SEARCHES
        ]
        self._placeholders = placeholders
        self.found: Counter[str] = Counter()

    def redact(self, text: str) -> str:
        """The text with placeholders."""
        if not text.isascii() and _HAS_FULL_WIDTH.search(text):
            text = _FULL_WIDTH.sub(self._half_width, text)
        while (redacted := self._redacted(text)) != text:  # a placeholder may make a border that was missing
            text = redacted
        return text

    def _redacted(self, text: str) -> str:
        for quick_test, detectors in self._searches:
            if quick_test(text):
                text = self._replaced(detectors, text)
        return text

    def _half_width(self, match: re.Match[str]) -> str:
        """Full-width letters become ASCII only where that shows personal data."""
        ascii_form = unicodedata.normalize("NFKC", match[0])
        redacted = self._redacted(ascii_form)
        return match[0] if redacted == ascii_form else redacted

    def _replaced(self, detectors: Iterable[_Detector], text: str) -> str:
        for detector in detectors:
            pieces, end = [], 0
            for match in detector.pattern.finditer(text):
                start, stop = match.span("value" if "value" in detector.pattern.groupindex else 0)
                if form := detector.form(text[start:stop]):
                    stop = _stop(text, start, stop, form) if detector.kind == "bank" else stop
                    pieces += [text[end:start], self._placeholders.of(detector.name, form)]
                    self.found[detector.name] += 1
                    end = stop
            text = "".join([*pieces, text[end:]]) if pieces else text
        return text


def _stop(text: str, start: int, stop: int, form: str) -> int:
    """Where an account number ends, whose candidate may have caught a word in capitals after it."""
    left = len(form)
    for place in range(start, stop):
        left -= text[place] != " "
        if not left:
            return place + 1
    return stop
