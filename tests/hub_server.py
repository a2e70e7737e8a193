"""A small server that speaks the protocol of the Hugging Face Hub."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class HubHandler(BaseHTTPRequestHandler):
    """Answers GET and HEAD by `answer`, which calls one of the `send` functions once."""

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        raise NotImplementedError

    def send_json(self, value: Any, *, with_body: bool) -> None:
        self.send(200, {"Content-Type": "application/json"}, json.dumps(value).encode(), with_body=with_body)

    def send_missing(self, code: str, *, with_body: bool) -> None:
        self.send(404, {"X-Error-Code": code}, b"", with_body=with_body)

    def send(self, status: int, headers: Mapping[str, str], body: bytes, *, with_body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(handler: type[HubHandler]) -> Iterator[str]:
    """The address of a server with this handler, as long as the block runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
