"""A registry behind HTTP with a password, as a git server has it."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from components.shared.errors import UserError
from components.shared.registry import revisions
from components.version.config import Config
from components.version.core import run

PASSWORD = "canary-password"
pytestmark = pytest.mark.usefixtures("without_dvc")


class GitServer(BaseHTTPRequestHandler):
    """Git's own CGI program behind basic authentication."""

    root: Path

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(f"robot:{PASSWORD}".encode()).decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="registry"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        variables = {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "robot",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        out = subprocess.run(
            ["git", "http-backend"], env=os.environ | variables, input=body, capture_output=True, check=True
        ).stdout
        head, _, content = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def address(registry: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    subprocess.run(["git", "config", "http.receivepack", "true"], cwd=registry, check=True)
    GitServer.root = registry.parent
    monkeypatch.setenv("EVERTUNE_GIT_USERNAME", "robot")
    with ThreadingHTTPServer(("127.0.0.1", 0), GitServer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{registry.name}"
        server.shutdown()


def test_the_password_of_the_environment_opens_it(
    version_config: Callable[..., Config], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERTUNE_GIT_PASSWORD", PASSWORD)
    assert run(version_config(registry=address)).parameters["revision"] == "reviews/v1"
    assert [one.revision for one in revisions(address)] == ["reviews/v1"]


@pytest.mark.parametrize("password", ["wrong-canary", ""])
def test_a_wrong_password_is_told_and_not_repeated(
    version_config: Callable[..., Config], address: str, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("EVERTUNE_GIT_PASSWORD", password)
    with pytest.raises(UserError, match=r"the registry refused.*EVERTUNE_GIT_PASSWORD") as caught:
        run(version_config(registry=address))
    assert "canary" not in caught.value.line


def test_a_repository_that_the_server_does_not_have(
    version_config: Callable[..., Config], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERTUNE_GIT_PASSWORD", PASSWORD)
    with pytest.raises(UserError, match="no git repository"):
        run(version_config(registry=address + "-other"))
