"""A proxy before a real S3 that does to requests what networks and servers do."""

from __future__ import annotations

import gc
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from components.shared import bounded

FOREVER = 1_000_000
CODES = {500: "InternalError", 503: "SlowDown", 507: "InsufficientStorage", 403: "AccessDenied"}
HOP = ("connection", "keep-alive", "transfer-encoding")


@dataclass
class Fault:
    """What happens to the next `times` requests whose method and path match, when `after` of them have passed.

    Kinds: a status code (`500`, `503`, `507`, `403`); `reset` before and `reset in the body`; `partial`, the body
    ends early; `empty`, there is none; `flipped`, one bit of the body either way; `black hole`, no answer;
    `trickle`, a byte now and then; `lost answer`, done but not told.
    """

    kind: str
    times: int
    method: str
    path: str
    after: int = 0


class Proxy(ThreadingHTTPServer):
    """Forwards to S3; `inject` plans a fault, `injected` counts those that happened."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream, self.faults, self.injected = urlsplit(upstream).netloc, [], 0
        self.closing, self._lock = threading.Event(), threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def inject(self, kind: str, times: int = FOREVER, method: str = "", path: str = "") -> None:
        """Replaces what was planned by this fault."""
        self.faults = [Fault(kind, times, method, path)]

    def inject_at(self, kind: str, position: int) -> None:
        """Plans a fault for one request, that with this number from now on."""
        self.faults = [Fault(kind, 1, "", "", position)]

    def heal(self) -> int:
        """Ends the faults; gives how many there were since the last time."""
        self.faults, count, self.injected = [], self.injected, 0
        return count

    def fault(self, method: str, path: str) -> str:
        """The fault for a request, if one is planned."""
        with self._lock:
            for fault in self.faults:
                if fault.times and fault.method in ("", method) and re.search(fault.path, path):
                    fault.after -= 1
                    if fault.after < 0:
                        fault.times -= 1
                        self.injected += 1
                        return fault.kind
        return ""

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that give up are no news."""


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def handle_one_request(self) -> None:
        """Reads a request, forwards it or not, and answers or not."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.server.fault(self.command, self.path)
        if kind.isdecimal():
            self.answer(int(kind), {"Content-Type": "application/xml"}, self.error(int(kind)))
        elif kind == "reset":
            self.reset()
        elif kind == "black hole":
            self.server.closing.wait()
            self.reset()
        else:
            self.forward(kind, body)

    def forward(self, kind: str, body: bytes) -> None:
        """Has the server answer, and passes its answer on as the fault wants."""
        upstream = HTTPConnection(self.server.upstream, timeout=60)
        given = flipped(body) if kind == "flipped" and self.command == "PUT" else body
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        upstream.request(self.command, self.path, given, headers)
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        if kind == "lost answer":
            self.reset()
            return
        told = {name: value for name, value in answer.getheaders() if name.lower() not in HOP}
        if kind == "flipped" and self.command == "GET":
            data = flipped(data)
        self.answer(answer.status, told, data, kind)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes, kind: str = "") -> None:
        """Sends an answer, whole or not."""
        body = b"" if kind == "empty" else body
        length = headers.get("Content-Length", str(len(body))) if self.command == "HEAD" else str(len(body))
        kept = {
            name: value for name, value in headers.items() if name.lower() not in ("content-length", "server", "date")
        }
        self.send_response(status)
        for name, value in {**kept, "Content-Length": length}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind in ("partial", "reset in the body"):
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            if kind == "reset in the body":
                self.reset()
        elif kind == "trickle":
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                if self.server.closing.wait(0.2):
                    break
        else:
            self.wfile.write(body)

    def error(self, status: int) -> bytes:
        """What S3 writes in the body of an error."""
        return f"<?xml version='1.0'?><Error><Code>{CODES[status]}</Code><Message>planned</Message></Error>".encode()

    def reset(self) -> None:
        """Ends the connection as a crashed peer does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.rfile.close()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Says nothing."""


def flipped(data: bytes) -> bytes:
    """The data with one bit of its middle byte changed."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if data else data


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Requests that are given up leave their sockets to the garbage collector."""
    for item in items:
        if "proxy" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


@pytest.fixture
def proxy(s3: str, s3_server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy that all S3 clients of the test go through; `s3` gives the URI of the store."""
    with Proxy(s3_server["AWS_ENDPOINT_URL"]) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server
        server.closing.set()
        server.shutdown()
        for left_behind in bounded._left_behind:
            left_behind.join(10)
        gc.collect()  # the sockets of what was given up, while their warnings are expected


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets no library sleep between its tries."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: time.monotonic())
