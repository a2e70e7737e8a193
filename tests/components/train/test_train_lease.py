"""One writer at a time; what a dead writer left is taken over."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore
from types import SimpleNamespace

import pytest

from components.shared.directory_store import DirectoryStore
from components.shared.errors import RetryError
from components.shared.objects import open_store
from components.train import core
from components.train.lease import Lease
from tests.processes import PATIENCE, wait_for

KEY = "0123"


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path)


def foreign(store, number, *, seconds=0.0, **changes):
    """The lease of a process of another machine."""
    record = {"id": "x", "host": "elsewhere", "pid": 7, "born": "1", "until": time.time() + seconds, **changes}
    store.put(f"{KEY}/lease-{number:010d}", json.dumps(record).encode())


def test_lease_is_given_back(store):
    with Lease(store, KEY) as lease:
        lease.check()
        assert store.keys() == [f"{KEY}/lease-0000000001"]
    assert store.keys() == []


def test_second_writer_of_this_machine_is_told_who_is_first(store):
    with (
        Lease(store, KEY),
        pytest.raises(RetryError, match=r"the same training runs already \(process \d+ on .+\). Wait for it to end"),
        Lease(store, KEY),
    ):
        pass


def test_writer_that_died_on_this_machine_is_replaced_at_once(store):
    with Lease(store, KEY) as lease:
        host = json.loads(store.get(f"{KEY}/lease-0000000001"))["host"]
        store.delete(f"{KEY}/lease-0000000001")
    foreign(store, 1, seconds=3600, host=host, pid=2**22 + 1)
    with Lease(store, KEY) as lease:
        lease.check()
        assert store.keys() == [f"{KEY}/lease-0000000002"]


def test_ended_lease_is_taken_over(store):
    foreign(store, 8, seconds=-1)
    with Lease(store, KEY) as lease:
        lease.check()
        assert store.keys() == [f"{KEY}/lease-0000000009"]


@pytest.fixture
def pauses(monkeypatch):
    """A clock that goes on when a lease waits, and then only; `pauses.then` is what else happens meanwhile."""
    clock = SimpleNamespace(now=1e9, then=lambda: None)

    def pause(seconds):
        clock.now += seconds
        clock.then()

    monkeypatch.setattr("components.train.lease.time", SimpleNamespace(time=lambda: clock.now, sleep=pause))
    return clock


def test_writer_that_does_not_renew_is_waited_for_and_replaced(store, caplog, pauses):
    foreign(store, 1, until=pauses.now + 3)
    with caplog.at_level("INFO"), Lease(store, KEY, seconds=60.0) as lease:
        lease.check()
    assert "waiting 3 s at most to see whether process 7 on elsewhere is alive" in caplog.text
    assert pauses.now == 1e9 + 3


def test_writer_that_renews_is_left_alone(store, pauses):
    foreign(store, 1, until=pauses.now + 20)
    pauses.then = lambda: foreign(store, 1, until=pauses.now + 30)
    with pytest.raises(RetryError, match="process 7 on elsewhere"), Lease(store, KEY):
        pass
    assert pauses.now == 1e9 + 1, "it is asked once, and not until its lease is over"


def test_unreadable_lease_is_replaced(store):
    store.put(f"{KEY}/lease-0000000001", b"{")
    with Lease(store, KEY) as lease:
        lease.check()


def test_lease_outlives_its_seconds_because_it_is_renewed(store):
    with Lease(store, KEY, seconds=0.2) as lease:
        first = json.loads(store.get(f"{KEY}/lease-0000000001"))["until"]
        wait_for(lambda: json.loads(store.get(f"{KEY}/lease-0000000001"))["until"] > first)
        lease.check()


def test_holder_notices_that_it_was_replaced_and_leaves_the_other_alone(store):
    with Lease(store, KEY) as lease:
        store.delete(f"{KEY}/lease-0000000001")
        foreign(store, 2, seconds=60)
        with pytest.raises(RetryError, match=r"another training took over the checkpoints \(process 7 on elsewhere\)"):
            lease.check()
    assert store.keys() == [f"{KEY}/lease-0000000002"]


@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_of_many_takers_one_wins(kind, tmp_path, request):
    store = open_store(str(tmp_path) if kind == "directory" else request.getfixturevalue("s3"))
    foreign(store, 1, seconds=-1)

    refused = Semaphore(0)

    def take(_):
        try:
            with Lease(store, KEY) as lease:
                lease.check()
                return all(refused.acquire(timeout=PATIENCE) for _ in range(7))
        except RetryError:
            refused.release()
            return None

    with ThreadPoolExecutor(8) as pool:
        assert [won for won in pool.map(take, range(8)) if won is not None] == [True]


def test_training_does_not_begin_beside_another(configure, monkeypatch):
    config = configure()

    class Watched(DirectoryStore):
        def upload(self, path, key):
            with pytest.raises(RetryError, match="the same training runs already"):
                core.run(config)
            super().upload(path, key)

    monkeypatch.setattr(core, "open_store", lambda uri: Watched(Path(uri)))
    core.run(config)
    assert config.model.exists()
