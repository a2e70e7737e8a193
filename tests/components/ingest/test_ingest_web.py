"""Web sources: pinned by what the server says or gives, and never led to an address that is not public."""

from __future__ import annotations

import gzip
import hashlib
import ipaddress
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from components.resolve.source import pin_evaluation_set, pin_sources
from components.shared import http_addresses, http_source
from components.shared.datasets import Dataset
from components.shared.errors import RetryError, UserError
from components.shared.http_addresses import is_public, networks
from components.shared.references import parse_reference

CSV = b"text,label\nbad,0\ngood,1\n"
DIGEST = hashlib.sha256(CSV).hexdigest()
LOOPBACK = {"allow_addresses": "127.0.0.1"}


class Site(BaseHTTPRequestHandler):
    """Serves `tagged.csv` with an ETag and `plain.csv` without, and what goes wrong on the web."""

    body = CSV
    moved = ""
    failures = 0

    def do_GET(self):
        name = self.path.partition("?")[0].rpartition("/")[2]
        etag = f'"{hashlib.sha256(self.body).hexdigest()[:8]}-#,=x"'
        if name == "tagged.csv" and self.headers.get("If-Match", etag) != etag:
            self.send(412)
        elif name in ("plain.csv", "weak.csv", "tagged.csv"):
            self.send(200, self.body, {"tagged.csv": {"ETag": etag}, "weak.csv": {"ETag": f"W/{etag}"}}.get(name, {}))
        elif name == "moved.csv":
            self.send(302, headers={"Location": self.moved})
        elif name == "loop.csv":
            self.send(301, headers={"Location": "loop.csv"})
        elif name == "flaky.csv" and type(self).failures:
            type(self).failures -= 1
            self.send(503)
        elif name == "cut.csv" and type(self).failures:
            type(self).failures -= 1
            self.send(200, self.body, {"Content-Length": str(len(self.body) + 5)})
        elif name in ("flaky.csv", "cut.csv"):
            self.send(200, self.body)
        elif name in ("zipped.csv", "zipped.csv.gz"):
            self.send(200, gzip.compress(CSV, mtime=0), {"Content-Encoding": "x-gzip"})
        elif name == "endless.csv":
            self.endless()
        else:
            self.send({"forbidden.csv": 403, "down.csv": 503}.get(name, 404))

    def send(self, status, body=b"", headers=None):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def endless(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * (1 << 16))
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.fixture
def site(monkeypatch) -> Iterator[type[Site]]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    handler = type("Handler", (Site,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        handler.url = f"http://127.0.0.1:{server.server_port}"
        yield handler
        server.shutdown()


def pinned(site, name, **options):
    return pin_sources(f"{site.url}/data/{name}", LOOPBACK | options)


@pytest.mark.parametrize(
    ("name", "kind"), [("tagged.csv", "etag"), ("plain.csv", "sha256"), ("weak.csv?v=1", "sha256")]
)
def test_a_file_of_the_web(ingest, site, name, kind):
    reference = pinned(site, name)
    assert parse_reference(reference).kind == kind
    result = ingest.reference(reference, **LOOPBACK)
    assert [row["text"] for row in result.rows] == ["bad", "good"]
    assert pinned(site, name) == reference


def test_a_compressed_file_that_a_server_calls_encoded_is_read(ingest, site):
    assert len(ingest.reference(pinned(site, "zipped.csv.gz"), **LOOPBACK).rows) == 2


def test_a_digest_that_is_given_is_the_pin(ingest, site):
    reference = pinned(site, f"tagged.csv#sha256={DIGEST}")
    assert reference.endswith(f"#sha256={DIGEST}")
    assert len(ingest.reference(reference, **LOOPBACK).rows) == 2
    wrong = pinned(site, f"tagged.csv#sha256={'0' * 64}")
    with pytest.raises(UserError, match="not what it was"):
        ingest.reference(wrong, **LOOPBACK)
    with pytest.raises(UserError, match="ends with no digest"):
        pinned(site, "tagged.csv#part")


@pytest.mark.parametrize("name", ["tagged.csv", "plain.csv"])
def test_what_changed_after_it_was_resolved(ingest, site, name):
    reference = pinned(site, name)
    site.body = CSV + b"new,1\n"
    with pytest.raises(UserError, match=r"not what it was when it was resolved\. Run `resolve` again"):
        ingest.reference(reference, **LOOPBACK)
    assert pinned(site, name) != reference


def test_an_evaluation_set_of_the_web(ingest, site, tmp_path):
    reference = pin_evaluation_set(f"{site.url}/tagged.csv", LOOPBACK)
    options = {"evaluation_reference": reference, **LOOPBACK}
    ingest({"a.csv": CSV}, **options)
    assert [row["text"] for row in Dataset(tmp_path / "evaluation_texts").rows()] == ["bad", "good"]
    site.body = CSV + b"new,1\n"
    with pytest.raises(UserError, match=r"ingest\.evaluation_reference: .*not what it was when it was resolved"):
        ingest({"a.csv": CSV}, **options)


def test_redirects_are_followed_to_what_may_be_asked(ingest, site):
    site.moved = "../data/tagged.csv?name=a b&c=ü"
    reference = pinned(site, "moved.csv")
    assert len(ingest.reference(reference, **LOOPBACK).rows) == 2
    with pytest.raises(UserError, match="redirected more than 5 times"):
        pinned(site, "loop.csv")


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("http://[fd00:ec2::254]/latest/", "fd00:ec2::254"),
        ("http://100.100.100.200/latest/", "100.100.100.200"),
        ("http://127.0.0.2/x.csv", "127.0.0.2"),
        ("http://[::1]/x.csv", "::1"),
        ("http://[::ffff:127.0.0.2]/x.csv", ""),
        ("http://2130706434/x.csv", "127.0.0.2"),
        ("http://10.0.0.8/x.csv", "10.0.0.8"),
        ("http://0/x.csv", " 0.0."),
    ],
)
def test_redirects_to_addresses_that_are_not_public_are_refused(site, target, leads_to):
    site.moved = target
    with pytest.raises(UserError, match="not a public address") as caught:
        pinned(site, "moved.csv", allow_addresses="127.0.0.1/32")
    assert leads_to in caught.value.line
    assert "ingest.allow_addresses" in caught.value.line


def test_a_redirect_that_appears_after_the_source_was_resolved(ingest, site):
    site.moved = f"{site.url}/data/plain.csv"
    reference = pinned(site, "moved.csv")
    site.moved = "http://169.254.169.254/latest/meta-data/iam.csv"
    with pytest.raises(UserError, match="not a public address"):
        ingest.reference(reference, **LOOPBACK)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/x", "gopher://x/", ""])
def test_redirects_to_what_is_no_web_address(site, target):
    site.moved = target
    with pytest.raises(UserError):
        pinned(site, "moved.csv")


def test_a_source_on_this_machine_is_refused_unless_allowed(site):
    with pytest.raises(UserError, match=r"leads to 127\.0\.0\.1, which is not a public address"):
        pin_sources(f"{site.url}/data/plain.csv", {})


def test_a_name_server_that_changes_its_answer_leads_nowhere_else(site, monkeypatch):
    """The address that was judged is the one that is connected to."""
    answers = iter(["127.0.0.1", "169.254.169.254"])
    asked = []

    def look_up(host, port, **_):
        asked.append(next(answers))
        return [(2, 1, 6, "", (asked[-1], port))]

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    connection = http_addresses.connect(
        site.url.replace("127.0.0.1", "rebind.example"), networks("127.0.0.0/8"), "source"
    )
    monkeypatch.undo()
    connection.request("GET", "/plain.csv")
    assert connection.getresponse().read() == CSV
    assert asked == ["127.0.0.1"]
    connection.close()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("64:ff9b::808:808", True), ("64:ff9b::a9fe:a9fe", False),
        ("::ffff:10.0.0.1", False), ("2002:7f00:1::", False), ("224.0.0.1", False), ("100.64.0.1", False),
        ("192.168.1.1", False), ("::", False), ("ff02::1", False), ("fe80::1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address, public):
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize("name", ["flaky.csv", "cut.csv"])
def test_what_fails_now_and_then_is_tried_again(ingest, site, name):
    site.failures = 2
    reference = pinned(site, name)
    assert reference.endswith(DIGEST)
    site.failures = 2
    assert len(ingest.reference(reference, **LOOPBACK).rows) == 2


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("none.csv", UserError, "cannot be had (HTTP 404)"),
        ("forbidden.csv", UserError, "cannot be had (HTTP 403)"),
        ("down.csv", RetryError, "the server answered HTTP 503"),
        ("zipped.csv", UserError, "comes compressed although it should not"),
    ],
)
def test_what_cannot_be_had(site, name, kind, message):
    with pytest.raises(kind) as caught:
        pinned(site, name)
    assert message in caught.value.line


def test_an_answer_without_end(site, monkeypatch):
    with pytest.raises(UserError, match=r"longer than allowed\. Allow more"):
        pinned(site, "endless.csv", max_source_gb=0.001)
    monkeypatch.setenv(http_source.SECONDS, "0.05")
    with pytest.raises(RetryError, match=r"not done after 0\.05 seconds"):
        pinned(site, "endless.csv")


def test_a_server_that_is_not_there(site, monkeypatch):
    with pytest.raises(RetryError, match="cannot be reached"):
        pin_sources("http://127.0.0.1:9/x.csv", LOOPBACK)
    with pytest.raises(RetryError, match="cannot be looked up"):
        pin_sources("http://no-such-host.invalid/x.csv", LOOPBACK)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://me:secret@example.org/x.csv", "the address holds a password"),
        ("http:///x.csv", "is not a web address"),
        ("http://example.org:99999/x.csv", "is not a web address"),
    ],
)
def test_addresses_that_are_none(uri, message):
    with pytest.raises(UserError) as caught:
        pin_sources(uri, {})
    assert message in caught.value.line
    assert "secret" not in caught.value.line


def test_networks_must_be_networks():
    from components.ingest.config import Config
    from components.shared import options

    with pytest.raises(UserError, match=r"ingest\.allow_addresses: 'localhost' is not an address"):
        options.check_options(Config, '{"allow_addresses": "10.0.0.0/8, localhost"}')
