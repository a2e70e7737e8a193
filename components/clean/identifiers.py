"""Which numbers are what they look like: checksums and forms of identity, card and bank account numbers.

Each `..._form` gives the part of a candidate that is such a number, written in the one form in which the same number
always gets the same placeholder; empty when it is none.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from typing import Final

_RESIDENT_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999
_RESIDENT_CHECKS: Final = "10X98765432"
_PROVINCES: Final = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83".split()  # noqa: SIM905
)
_CENTURIES: Final = ("18", "19", "20")
_CARD_FORM: Final = re.compile(
    r"4\d{12}(?:\d{3}){0,2}"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"  # American Express, Diners Club
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35\d{14}|62\d{14,17}"  # Discover, JCB, UnionPay
)
_IBAN_LENGTHS: Final = {
    country: int(length)
    for length, countries in {
        "15": "NO", "16": "BE", "18": "DK FI FO GL NL SD", "19": "MK SI",
        "20": "AT BA EE KZ LT LU XK", "21": "CH HR LI LV", "22": "BG BH CR DE GB GE IE ME RS VA",
        "23": "AE GI IL IQ OM SO TL", "24": "AD CZ ES MD PK RO SA SE SK TN VG", "25": "LY PT ST",
        "26": "IS TR", "27": "FR GR IT MC MR SM", "28": "AL AZ BY CY DO GT HU LB NI PL SV",
        "29": "BR EG PS QA UA", "30": "JO KW MU", "31": "MT SC", "32": "LC", "33": "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
_LEAST_PHONE_DIGITS: Final = 8
_LEAST_IPV6_GROUPS: Final = 3
_CHINESE_NATIONWIDE: Final = re.compile(r"1[3-9]\d{9}|[48]00\d{7}")
_NORTH_AMERICAN: Final = re.compile(r"1\D+\d{3}\D+\d{3}\D+\d{4}")


def resident_id_form(number: str) -> str:
    """A Chinese resident identity number: province, date of birth and checksum are right."""
    number = number.upper().replace(" ", "").replace("-", "")
    if number[:2] not in _PROVINCES or number[6:8] not in _CENTURIES or not _is_date(number[6:14]):
        return ""
    total = sum(int(digit) * weight for digit, weight in zip(number, _RESIDENT_WEIGHTS, strict=False))
    return number if number[17] == _RESIDENT_CHECKS[total % 11] else ""


def social_security_form(number: str) -> str:
    """A US social security number in a form that was ever issued."""
    area, group, serial = re.findall(r"\d+", number)
    issued = area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"
    return f"{area}{group}{serial}" if issued else ""


def card_form(number: str) -> str:
    """A payment card: the form of an issuer's numbers, and Luhn's checksum."""
    digits = _digits(number)
    return digits if _CARD_FORM.fullmatch(digits) and _luhn(digits) else ""


def iban_form(candidate: str) -> str:
    """An international bank account number: the country's length, and 97 as the divisor of its checksum."""
    number = candidate.replace(" ", "").replace("-", "").upper()
    length = _IBAN_LENGTHS.get(number[:2], len(number) + 1)
    if len(number) < length:
        return ""
    moved = number[4:length] + number[:4]
    return number[:length] if int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1 else ""


def address_form(candidate: str) -> str:
    """An IP address without its zone; short ones of version 6 are left alone, since `a::b` is code."""
    plain, zone, _ = candidate.partition("%")
    try:
        address = ipaddress.ip_address(plain)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return address.compressed
    groups = len(list(filter(None, plain.split(":"))))
    if groups < _LEAST_IPV6_GROUPS and not zone and "." not in plain:
        return ""
    return (address.ipv4_mapped or address).compressed


def phone_form(number: str) -> str:
    """A phone number with enough digits; the same with and without the prefixes of China and of North America."""
    digits = _digits(number.replace("(0)", ""))
    if len(digits) < _LEAST_PHONE_DIGITS:
        return ""
    abroad = "+" in number or digits.startswith("00")
    digits = digits.removeprefix("00")
    national = digits[2:].lstrip("0")
    if digits.startswith("86") and len(national) in (10, 11):
        return national if _CHINESE_NATIONWIDE.fullmatch(national) else f"0{national}"
    north_american = len(digits) == 11 and digits.startswith("1") and (abroad or _NORTH_AMERICAN.match(number))
    return digits[1:] if north_american else digits


def _digits(number: str) -> str:
    return "".join(filter(str.isdigit, number))


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(doubled)) % 10 == 0


def _is_date(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True
