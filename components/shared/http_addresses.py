"""Which addresses a web source may lead to, and connections that go nowhere else.

A name is looked up once and the connection is made to the address that was judged, so that a name server cannot
answer differently the second time. Proxies are not used: they would look names up by themselves.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from components.shared.errors import RetryError, UserError

ALLOW: Final = "ingest.allow_addresses"
SECONDS: Final = 30.0
"""Longest time for connecting, and for each answer of the network."""
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(text: str) -> tuple[Network, ...]:
    """Reads addresses and networks with commas between them; raises UserError for anything else."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            raise UserError(
                f"{part!r} is not an address", where=ALLOW, remedy="give addresses such as 10.1.2.3 or 10.0.0.0/8"
            ) from None
    return tuple(found)


def connect(url: str, allowed: Sequence[Network], where: str) -> HTTPConnection:
    """An unopened connection to the host of a URL, at an address that may be asked.

    Raises:
        UserError: if all its addresses are loopback, link-local, private or otherwise not public, and not allowed.
        RetryError: if the name cannot be looked up.
    """
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError
    except ValueError:
        raise UserError(f"{url!r} is not a web address", where=where, remedy="give http(s)://host/path") from None
    address = _permitted(host, port, allowed, url, where)
    if parts.scheme == "https":
        return _EncryptedConnection(host, port, address=address, timeout=SECONDS, context=ssl.create_default_context())
    return _PlainConnection(host, port, address=address, timeout=SECONDS)


def is_public(address: Address) -> bool:
    """Whether an address, or the IPv4 address that it stands for, is reachable for everybody."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _permitted(host: str, port: int, allowed: Sequence[Network], url: str, where: str) -> str:
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RetryError(
            f"{host} cannot be looked up ({error})", where=where, remedy="correct it or run again"
        ) from None
    addresses = [str(answer[4][0]) for answer in answers]
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if is_public(address) or any(address in network for network in allowed):
            return text
    raise UserError(
        f"{url} leads to {addresses[0]}, which is not a public address",
        where=where,
        remedy=f"give another source, or name the address in {ALLOW} if it is meant",
    )


class _PlainConnection(HTTPConnection):
    def __init__(self, host: str, port: int, *, address: str, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)


class _EncryptedConnection(HTTPSConnection):
    def __init__(self, host: str, port: int, *, address: str, timeout: float, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._address, self._settings = address, context

    def connect(self) -> None:
        plain: Any = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._settings.wrap_socket(plain, server_hostname=self.host)
