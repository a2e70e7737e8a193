"""What personal data looks like.

Numbers must look like what they are said to be: a country code, the groups of a North American number or a Chinese
mobile or area code for a phone; a valid checksum for cards, bank accounts and Chinese identity numbers. So years,
ratings, prices and scores stay. Each search begins with a test that is quick and fails for most texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from components.clean import identifiers
from components.clean.scripts import UNSPACED

_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_WRITTEN_AT: Final = ("[at]", "(at)", "[AT]", "(AT)", "（at）", "%40")
_NUMBER_LIKE: Final = re.compile(r"[0-9](?:[ ().）-]{0,3}[0-9]){7}")
_IPV4_LIKE: Final = re.compile(r"\.[0-9]{1,3}\.[0-9]")
_IPV6_LIKE: Final = re.compile(":[0-9a-fA-F]{0,4}:")
_ABROAD: Final = r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u05ff\u0620-\u0963\u0966-\u0dff\u1e00-\u1fff"
"""Letters and their marks, besides ASCII, of scripts with spaces: Latin, Greek, Cyrillic, Arabic, Indic ones."""
_UNSPACED: Final = f"{UNSPACED}\uac00-\ud7a3"
_UNSPACED_ENDINGS: Final = (
    "com|net|org|cn|tw|hk|jp|kr|中国|中國|公司|网络|網絡|香港|台湾|台灣|澳門|新加坡|网址|网站|在线|中文网|集团|商城|商店|政务|公益"
    "|机构|组织机构|移动|信息|手机|我爱你|广东|佛山|企业|网店|みんな|コム|한국|닷컴|닷넷"
)
"""Top-level domains after a name in a script without spaces, where any other word may follow a full stop as well."""
_COUNTRY: Final = (
    r"(?:[17]|2(?:[07]|[1-689]\d)|3(?:[0-469]|[578]\d)|4(?:[013-9]|2\d)|5(?:[1-8]|[09]\d)|6(?:[0-6]|[789]\d)"
    r"|8(?:[1246]|[058]\d)|9(?:[0-58]|[679]\d))"
)
_QUERY_NAMES: Final = "access_?token|auth_?token|token|api_?key|(?:client_)?secret|password|passwd|pwd|signature|sig"


def _same(value: str) -> str:
    return value


def _address_of(value: str) -> str:
    """`Jane (at) example [dot] org` as `jane@example.org`, `jane@bücher.example` as `jane@xn--bcher-kva.example`."""
    value = re.sub(r"\s*[\[(（]\s*at\s*[\])）]\s*", "@", unquote(value).lower())
    value = re.sub(r"\s*[\[(（]\s*dot\s*[\])）]\s*", ".", value)
    if value.isascii():
        return value
    name, _, host = unicodedata.normalize("NFKC", value).rpartition("@")
    with suppress(UnicodeError):  # no host has such a name, but the text says so
        host = host.encode("idna").decode()
    return f"{name}@{host}"


def _unspaced_address_of(value: str) -> str:
    """The same of an address whose host is in such a script: `关注@example.org` mentions one and is none."""
    return "" if value.rpartition("@")[2].isascii() else _address_of(value)


@dataclass(frozen=True)
class Detector:
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
) -> Detector:
    return Detector(kind, name or kind.upper(), re.compile(pattern, re.ASCII | re.VERBOSE | flags), form)


_ACCOUNTS: Final = (_detector("credentials", r"://(?P<value>[^\s/@:<>]{0,100}:[!-.0-;=?-~]{1,200})@"),)
_QUERIES: Final = (
    _detector("credentials", rf"[?&;\#](?:{_QUERY_NAMES})=(?P<value>[^\s&\#\"'<>]{{4,}})", flags=re.IGNORECASE),
)
_EMAILS: Final = (
    _detector(
        "email",
        rf"""(?<![\w{_ABROAD}.+-])[\w{_ABROAD}.+-]{{1,64}}@(?:[\w{_ABROAD}-]{{1,63}}\.){{1,8}}
            (?:(?:[a-zA-Z]{{2,24}}|xn--[a-zA-Z0-9-]{{2,59}})(?![\w\u0338-])|[{_ABROAD}]{{2,24}}(?![\w{_ABROAD}-]))""",
        _address_of,
    ),
)
_UNSPACED_EMAILS: Final = (
    _detector(
        "email",
        rf"""(?:(?<![\w{_ABROAD}.+-])[\w{_ABROAD}.+-]{{1,64}}|(?<![{_UNSPACED}])[{_UNSPACED}]{{1,64}})
            @(?:[\w{_ABROAD}{_UNSPACED}-]{{1,63}}\.){{1,8}}(?:{_UNSPACED_ENDINGS})(?![\w-]|\.[a-zA-Z])""",
        _unspaced_address_of,
    ),
)
_WRITTEN_EMAILS: Final = (
    _detector(
        "email",
        r"""(?<![\w.+-])[\w.+-]{1,64}[ ]?[\[(（]at[\])）][ ]?[\w-]{1,63}
            (?:(?:\.|[ ]?[\[(（]dot[\])）][ ]?)[\w-]{1,63}){1,8}(?![\w\u0338-])""",
        _address_of,
        flags=re.IGNORECASE,
    ),
    _detector("email", r"(?<![\w.+%-])[\w.+%-]{1,64}%40(?:[\w-]{1,63}\.){1,8}[a-zA-Z]{2,24}(?![\w-])", _address_of),
)
_NUMBERS: Final = (
    _detector(
        "bank",
        r"(?<![\w-])[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?",
        identifiers.iban_form,
        flags=re.IGNORECASE,
    ),
    _detector("id", r"(?<![\w.-])\d(?:[ -]?\d){16}[ -]?[\dXx](?![\w-]|\.\d)", identifiers.resident_id_form),
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
        rf"""(?<![\w.+/-])00(?:86[ -]?\(?0?|{_COUNTRY}[ .-]\(?)[1-9]\d{{0,3}}\)?(?:[ .-]?\d{{1,4}}){{1,5}}
            (?![\w/-]|\.\d)""",  # 0049 30 123456
        identifiers.phone_form,
    ),
    _detector(
        "phone",
        r"""(?<![\w.+/-])(?:
            (?:\+[1-9]\d{0,2}|[(（]\+[1-9]\d{0,2}[)）])(?:[ .-]?(?:\d{1,4}|\(\d{1,4}\))){2,5}  # +49 (0)30 123456
          | (?:1[ .-])?\(\d{3}\)[ ]?\d{3}[ .-]\d{4}         # (212) 555-0123
          | (?:1[ .-])?[2-9]\d{2}([.-])\d{3}\1\d{4}         # 212-555-0123
          | [48]00-(?:\d{7}|\d{4}-\d{3})                  # 400-1234-567
          | 0\d{2,3}-\d{7,8}(?:-\d{1,5})?                   # 010-12345678-123
          | 0\d{1,3}-\d{3,4}-\d{4}(?:-\d{1,5})?            # 010-1234-5678
          | 0(?:10|2\d|[3-9]\d\d)[ ](?:\d{7,8}|\d{3,4}[ ]\d{4})  # 010 1234 5678
          | [(（]0\d{2,3}[)）][ -]?\d{3,4}[ -]?\d{4}(?:-\d{1,5})?  # (010) 12345678-123
          | (?:[(（]86[)）][ -]?|(?:00)?86[ -]?)?1[3-9]\d(?:[ -]?\d{8}|([ .-])\d{4}\2\d{4})  # 138-1234-5678
        )(?![\w/-]|\.\d)""",
        identifiers.phone_form,
    ),
    _detector(
        "phone",
        r"""(?:电话|手机|热线|传真|\b(?:tel|phone|fax|mobile|cell))号?码?[.]?(?:[ ](?:no[.]?|number))?(?:[ ]is)?
            [ :：是]{1,3}
            (?P<value>\d{3,4}[ -]?\d{4,5}|\d{10}|0\d{10,11}|\d{3,5}([ -])\d{3,4}\2\d{3,4})(?![\w-]|\.\d)""",
        identifiers.phone_form,
        flags=re.IGNORECASE,
    ),
)
_IPV4: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}(?!\d|\.\d)"
_IPV6_ADDRESSES: Final = (
    _detector(
        "ip",
        rf"(?<![\w:.])(?:[0-9a-fA-F]{{0,4}}:){{2,7}}(?:{_IPV4}|[0-9a-fA-F]{{0,4}}(?:%\w{{1,20}})?(?![\w:]))",
        identifiers.address_form,
    ),
)
_IPV4_ADDRESSES: Final = (
    _detector(
        "ip",
        rf"(?<![\d.v])(?<!version[ ])(?<!Version[ ])(?<!版本)(?<!版本号){_IPV4}",
        identifiers.address_form,
    ),
)
SEARCHES: Final[tuple[tuple[Callable[[str], object], tuple[Detector, ...]], ...]] = (
    (lambda text: "://" in text and "@" in text, _ACCOUNTS),
    (lambda text: "=" in text and ("?" in text or "&" in text or "#" in text), _QUERIES),
    (lambda text: "@" in text, _EMAILS),
    (lambda text: "@" in text and not text.isascii(), _UNSPACED_EMAILS),
    (lambda text: any(mark in text for mark in _WRITTEN_AT), _WRITTEN_EMAILS),
    (_IPV6_LIKE.search, _IPV6_ADDRESSES),
    (_IPV4_LIKE.search, _IPV4_ADDRESSES),
    (_NUMBER_LIKE.search, _NUMBERS),
)
"""In this order: a quick test without which there is none, and what it is the test for."""
