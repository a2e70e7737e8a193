"""Sources behind http(s): pinned by their digest or ETag, and downloaded only while these still hold."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar
from urllib.parse import quote, unquote, urljoin, urlsplit

from components.shared.commands import Deadline
from components.shared.errors import RetryError, UserError, of_storage
from components.shared.http_addresses import Network, connect, networks
from components.shared.references import Reference
from components.shared.source_files import SourceFile, changed

T = TypeVar("T")
ATTEMPTS = 4
REDIRECTS: Final = 5
SECONDS: Final = "EVERTUNE_HTTP_SECONDS"
"""Names the variable that sets the longest time for one download."""
LONGEST: Final = 3600.0
_CHUNK: Final = 1 << 18
_SAFE: Final = "/?%:@!$&'()*+,;=~-._"
_MOVED: Final = (301, 302, 303, 307, 308)
_LATER: Final = (408, 425, 429, 500, 502, 503, 504)
_DIGEST: Final = re.compile(r"sha256=([0-9a-fA-F]{64})")


@dataclass(frozen=True)
class Rules:
    """What a download may do.

    Attributes:
        allowed: Networks that may be asked although they are not public.
        max_bytes: Longest body.
    """

    allowed: tuple[Network, ...] = ()
    max_bytes: int = 64 << 30

    @classmethod
    def of(cls, allow_addresses: str, max_source_gb: float) -> Rules:
        """The rules that the options of `ingest` make."""
        return cls(networks(allow_addresses), int(max_source_gb * (1 << 30)))


def pin_http(uri: str, rules: Rules, where: str) -> Reference:
    """Pins what a URL gives now: to `#sha256=…` behind it, to a strong ETag, or else to the sha256 of its bytes.

    Raises:
        UserError: if there is nothing, or it is not open to us.
        RetryError: if the server cannot be reached.
    """
    plain, _, fragment = uri.partition("#")
    given = _DIGEST.fullmatch(fragment)
    if fragment and not given:
        raise UserError(
            f"{uri!r} ends with no digest", where=where, remedy="give #sha256= and 64 digits, or leave it out"
        )
    if urlsplit(plain).password or urlsplit(plain).username:
        raise UserError("the address holds a password", where=where, remedy="take it out: parameters are public")

    def pin() -> Reference:
        with _answered(plain, rules, {}, where) as answer:
            etag = _strong_etag(answer)
            if given:
                return Reference(plain, "sha256", given[1].lower())
            if etag:
                return Reference(plain, "etag", etag)
            return Reference(plain, "sha256", _copied(answer, None, rules, plain))

    return _persistently(plain, pin)


def http_file(reference: Reference, rules: Rules, where: str) -> SourceFile:
    """The file behind a pinned URL."""
    name = PurePosixPath(unquote(urlsplit(reference.uri).path)).name or "download"
    content = reference.pin if reference.kind == "sha256" else str(reference)
    return SourceFile(name=name, content=content, fetch=partial(_download, reference, rules, where))


def _download(reference: Reference, rules: Rules, where: str, directory: Path) -> Path:
    path = directory / "download"
    headers = {"If-Match": f'"{unquote(reference.value)}"'} if reference.kind == "etag" else {}

    def read() -> None:
        with _answered(reference.uri, rules, headers, where) as answer, path.open("wb") as file:
            if reference.kind == "etag" and _strong_etag(answer) != reference.value:
                raise changed(reference.uri, where)
            digest = _copied(answer, file.write, rules, reference.uri)
        if reference.kind == "sha256" and digest != reference.value:
            raise changed(reference.uri, where)

    _persistently(reference.uri, read)
    return path


@contextmanager
def _answered(uri: str, rules: Rules, headers: Mapping[str, str], where: str) -> Iterator[HTTPResponse]:
    """The answer to a GET, redirects followed; raises UserError or RetryError for any but 200."""
    first, url = uri, uri
    for _ in range(REDIRECTS + 1):
        connection = connect(url, rules.allowed, where)
        try:
            parts = urlsplit(url)
            target = quote(parts.path or "/", safe=_SAFE) + (
                f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
            )
            connection.request("GET", target, headers={"Accept-Encoding": "identity", **headers})
            with connection.getresponse() as answer:
                if answer.status not in _MOVED:
                    _check_status(answer, first, where)
                    yield answer
                    return
                url = _next(url, answer.headers.get("Location", ""), where)
        finally:
            connection.close()
    raise UserError(f"{first} is redirected more than {REDIRECTS} times", where=where, remedy="give the last address")


def _next(url: str, location: str, where: str) -> str:
    target = urljoin(url, location)
    if not location or (urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https"):
        raise UserError(
            f"{url} is redirected to {location or 'nowhere'}",
            where=where,
            remedy="give an address that stays with https",
        )
    return target.partition("#")[0]


def _check_status(answer: HTTPResponse, uri: str, where: str) -> None:
    if answer.status == 412:
        raise changed(uri, where)
    if answer.status in _LATER:
        raise RetryError(f"the server answered HTTP {answer.status}", where=uri, remedy="run again later")
    if answer.status != 200:
        remedy = "correct the address, or give one that is open to everybody"
        raise UserError(f"{uri} cannot be had (HTTP {answer.status})", where=where, remedy=remedy)
    encoding = answer.headers.get("Content-Encoding", "identity").lower()
    # Many servers say so of a file that is itself compressed, which comes as it lies there.
    as_it_is = encoding in ("gzip", "x-gzip") and urlsplit(uri).path.lower().endswith((".gz", ".tgz"))
    if encoding != "identity" and not as_it_is:
        raise UserError(f"{uri} comes compressed although it should not", where=where, remedy="give another address")


def _strong_etag(answer: HTTPResponse) -> str:
    """The ETag, quoted so that it can stand in a reference; empty if there is none that stands for the bytes."""
    match = re.fullmatch(r'"([^"]+)"', answer.headers.get("ETag", ""))
    return quote(match[1], safe="") if match else ""


def _copied(answer: HTTPResponse, write: Callable[[bytes], object] | None, rules: Rules, uri: str) -> str:
    """The sha256 of a body, which goes to `write`; raises UserError if it is too long."""
    digest, deadline, size = hashlib.sha256(), Deadline(_longest()), 0
    while chunk := answer.read1(_CHUNK):
        size += len(chunk)
        if size > rules.max_bytes:
            raise UserError(f"{uri} is longer than allowed", where="ingest.max_source_gb", remedy="allow more")
        if not deadline.left:
            raise RetryError(f"not done after {deadline.seconds:g} seconds", where=uri, remedy=f"raise {SECONDS}")
        digest.update(chunk)
        if write:
            write(chunk)
    if answer.length:
        raise HTTPException(f"{answer.length} bytes are missing")
    return digest.hexdigest()


def _persistently(uri: str, call: Callable[[], T]) -> T:
    """Does what may fail on the way, a few times at most."""
    for attempt in range(ATTEMPTS):
        try:
            return call()
        except RetryError:
            if attempt == ATTEMPTS - 1:
                raise
        except (HTTPException, OSError) as error:
            if isinstance(error, OSError) and of_storage(error):
                raise
            if attempt == ATTEMPTS - 1:
                what = f"the server cannot be reached ({type(error).__name__})"
                raise RetryError(what, where=uri, remedy="run again later") from error
        time.sleep(0.2 * 2**attempt)
    raise AssertionError("every attempt returns or raises")


def _longest() -> float:
    given = os.environ.get(SECONDS, "")
    try:
        return float(given) if given else LONGEST
    except ValueError:
        raise UserError(f"{given!r} is not a time", where=SECONDS, remedy="give a number of seconds") from None
