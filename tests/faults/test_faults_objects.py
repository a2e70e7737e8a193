"""Every operation of the object store under every fault of the network: done, or one clear line in time."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from components.shared import bounded, s3_client
from components.shared.errors import DamagedError, EvertuneError, RetryError, UserError
from components.shared.objects import ObjectStore, open_store
from tests.processes import PATIENCE

PART = 8 << 20
SHORT = ("500", "503", "reset", "lost answer")
IN_THE_ANSWER = ("partial", "reset in the body", "flipped")
Operation = Callable[[ObjectStore, Path], object]
Injected = Callable[[str, int, str], None]


def uploaded(store: ObjectStore, place: Path) -> object:
    store.upload(place / "source", "uploaded")
    return store.get("uploaded")


def downloaded(store: ObjectStore, place: Path) -> object:
    store.download("big", place / "target")
    return (place / "target").read_bytes() == (place / "big").read_bytes()


# Each with what it gives when all is well.
OPERATIONS: dict[str, tuple[Operation, object]] = {
    "get": (lambda store, place: store.get("key"), b"value of the key"),
    "get of what is not there": (lambda store, place: store.get("none"), None),
    "put": (lambda store, place: (store.put("put", b"put"), store.get("put"))[1], b"put"),
    "put_new": (lambda store, place: (store.put_new("new", b"new"), store.put_new("new", b"x")), (True, False)),
    "upload": (uploaded, b"source"),
    "download": (downloaded, True),
    "size": (lambda store, place: store.size("key"), 16),
    "keys": (lambda store, place: store.keys("k"), ["key"]),
    "delete": (lambda store, place: (store.delete("gone"), store.size("gone"))[1], None),
}


@pytest.fixture
def place(tmp_path: Path, s3: str) -> Path:
    """A directory of files, whose objects are in the store as well."""
    store = open_store(s3)
    (tmp_path / "source").write_bytes(b"source")
    (tmp_path / "big").write_bytes(os.urandom(PART + 1000))
    store.put("key", b"value of the key")
    store.put("gone", b"gone")
    store.upload(tmp_path / "big", "big")
    return tmp_path


@pytest.mark.parametrize("kind", SHORT + IN_THE_ANSWER)
def test_short_faults_are_survived(s3, place, proxy, quick, injected, kind):
    store, count = open_store(s3), 0
    for name, (operation, expected) in OPERATIONS.items():
        proxy.inject(kind, times=2 if kind in SHORT else 1)
        assert operation(store, place) == expected, name
        count += proxy.heal()
    assert count >= len(OPERATIONS)
    injected(f"S3: {kind}, once or twice", count, "survived, same result")


@pytest.mark.parametrize(
    "kind", ["500", "503", "507", "reset", "black hole", "trickle", "partial", "reset in the body"]
)
def test_long_faults_end_in_one_line_and_a_rerun_completes(s3, place, proxy, quick, injected, monkeypatch, kind):
    store, count = open_store(s3), 0
    # What is given up may still be on its way when the fault has ended: it gets a place of its own.
    for key in ("key", "gone"):
        store.put(f"impatient/{key}", b"value")
    store.upload(place / "big", "impatient/big")
    monkeypatch.setenv(s3_client.SECONDS, "0.6")
    impatient = open_store(f"{s3}/impatient")
    for name, (operation, expected) in OPERATIONS.items():
        if kind in ("trickle", "partial", "reset in the body") and name not in ("get", "download", "keys"):
            continue  # their answers have no body
        proxy.inject(kind)
        with pytest.raises(RetryError, match=rf"^{s3}.*\. (Check|Run).*") as caught:
            operation(impatient, place)
        assert (caught.value.exit_code, caught.value.line.count("\n")) == (75, 0)
        assert not (place / "target").exists()
        count += bool(proxy.heal())
        store.delete("new")
        assert operation(store, place) == expected, name
        (place / "target").unlink(missing_ok=True)
    injected(f"S3: {kind} without end", count, "one line in time, exit 75, a rerun completes")


def test_a_refusal_is_the_users(s3, place, proxy, injected):
    proxy.inject("403")
    store = open_store(s3)
    for name, (operation, _) in OPERATIONS.items():
        with pytest.raises(UserError, match=r"S3 refused the request .*Check the credentials") as caught:
            operation(store, place)
        assert caught.value.exit_code == 2, name
    injected("S3: 403", proxy.heal(), "one line, exit 2")


def test_bytes_that_stay_damaged_are_never_given_out(s3, place, proxy, quick, injected):
    for operation in (OPERATIONS["get"][0], OPERATIONS["download"][0]):
        proxy.inject("flipped", method="GET")
        with pytest.raises(EvertuneError, match=r"damaged|checksum") as caught:
            operation(open_store(s3), place)
        assert isinstance(caught.value, DamagedError | RetryError)
        assert not (place / "target").exists()
    injected("S3: a flipped bit in each answer", proxy.heal(), "refused, nothing is written")


def test_bytes_that_are_damaged_on_their_way_to_s3_are_not_stored(s3, place, proxy, quick, injected):
    proxy.inject("flipped", method="PUT")
    store = open_store(s3)
    for operation in ("put", "put_new", "upload"):
        with pytest.raises(EvertuneError):
            OPERATIONS[operation][0](store, place)
    assert store.keys() == ["big", "gone", "key"]
    injected("S3: a flipped bit in each request", proxy.heal(), "refused by S3, nothing is stored")


def test_a_listing_that_is_cut_short_is_not_an_empty_store(s3, place, proxy, quick, injected):
    for kind in ("empty", "partial"):
        proxy.inject(kind, method="GET")
        with pytest.raises(RetryError):
            open_store(s3).keys()
        injected(f"S3: listing that is {kind}", proxy.heal(), "one line, exit 75")


def test_nobody_listens(s3, place, quick, injected, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        store = open_store(s3)
        for operation, _ in OPERATIONS.values():
            with pytest.raises(RetryError, match=r"cannot be reached .*Check AWS_ENDPOINT_URL"):
                operation(store, place)
    injected("S3: connection refused", len(OPERATIONS), "one line, exit 75")


def test_what_was_given_up_is_not_done_later(s3, proxy, quick, injected):
    proxy.inject("black hole", times=1)
    with pytest.raises(RetryError, match=r"not done after 0.3 seconds"):
        impatient(s3).put_new("pointer", b"late")
    proxy.closing.set()
    join_what_was_left_behind()  # its connection is reset only now, and the request would be repeated
    assert open_store(s3).keys() == []
    injected("S3: a write that was given up", proxy.heal(), "one line, exit 75, never done later by a retry")


def test_a_download_that_was_given_up_does_not_appear_later(s3, place, proxy, quick, injected):
    proxy.inject("black hole", times=1, method="GET")
    with pytest.raises(RetryError, match=r"not done after 0.3 seconds"):
        impatient(s3).download("big", place / "target")
    proxy.closing.set()
    join_what_was_left_behind()
    assert not (place / "target").exists()
    injected("S3: a download that was given up", proxy.heal(), "one line, exit 75, no file later")


def impatient(uri):
    """A store that gives up soon, and before its sockets do: a read that ends first would be repeated in time."""
    store = open_store(uri)
    store._seconds = 0.3
    return store


def join_what_was_left_behind():
    for left_behind in bounded._left_behind:
        left_behind.join(PATIENCE)
        assert not left_behind.is_alive()


def test_time_that_is_none(s3, monkeypatch):
    for given in ("soon", "0", "-1", "inf", "nan"):
        monkeypatch.setenv(s3_client.SECONDS, given)
        with pytest.raises(UserError, match=f"'{given}' is not a time"):
            open_store(s3)
