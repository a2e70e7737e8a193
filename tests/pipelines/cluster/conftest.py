"""Fixtures of the cluster's tests: a running Kubeflow, and a connection to it."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pipelines.cluster.connection import Connection, connect
from tests.pipelines.cluster.kubeflow import Kubeflow, Refusal

REAL = {
    name: value
    for name, value in os.environ.items()
    if name.startswith(("EVERTUNE_KFP_", "KF_PIPELINES_")) or name in ("HOME", "KUBECONFIG", "SSL_CERT_FILE")
}
"""How whoever started the tests reaches a real endpoint, if EVERTUNE_KFP_ENDPOINT is among it."""


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for a Kubeflow."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(self.server.state.now, usegmt=True)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        state: Kubeflow = self.server.state  # type: ignore[attr-defined]
        split = urlsplit(self.path)
        call = f"{self.command} {split.path}"
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(data) if data and "json" in self.headers.get("Content-Type", "") else data
        with state.lock:
            state.calls.append(call)
            how = next((one for one in state.failures if re.search(one[0], call)), None)
            if how:
                state.failures.remove(how)
            try:
                if state.token and self.headers.get("authorization") != f"Bearer {state.token}":
                    raise Refusal(401, "Unauthorized: the token is expired")
                if how and how[1] == "drop":
                    self.connection.close()
                    return
                if how and isinstance(how[1], int):
                    raise Refusal(how[1], "Internal server error")
                status, answer = 200, state.answer(self.command, split.path, query, body)
            except Refusal as refusal:
                status, answer = refusal.status, {"code": 5, "message": refusal.message, "error": refusal.message}
            state.after(call)
            if how and how[1] == "lost":
                self.connection.close()
                return
        if how and how[1] == "slow":
            state.ended.wait()
        self.reply(status, answer)

    do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def reply(self, status: int, answer: Any) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(answer, bytes) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data if self.command != "HEAD" else b"")


@pytest.fixture
def kubeflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Kubeflow]:
    """A running server, which EVERTUNE_KFP_ENDPOINT names."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - of clients that do not wait for an answer
    server.state = state = Kubeflow()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    for name in list(os.environ):
        if name.startswith(("EVERTUNE_KFP_", "KF_PIPELINES_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("EVERTUNE_KFP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HOME", str(tmp_path))
    try:
        yield state
    finally:
        state.ended.set()
        server.shutdown()
        server.server_close()


@pytest.fixture(params=["server", *(["real"] if "EVERTUNE_KFP_ENDPOINT" in REAL else [])])
def endpoint(request: pytest.FixtureRequest, kubeflow: Kubeflow, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A connection to the server, and one to the real endpoint if there is one."""
    if request.param == "real":
        for name, value in REAL.items():
            monkeypatch.setenv(name, value)
    return connect()


@pytest.fixture
def connection(kubeflow: Kubeflow) -> Connection:
    """A connection to the server."""
    return connect()
