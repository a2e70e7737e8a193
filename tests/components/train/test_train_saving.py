"""Checkpoints by time are uploaded beside the training. The clock of these tests counts steps, 16 of which are done."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Condition

import pytest

from components.shared.directory_store import DirectoryStore
from components.shared.errors import RetryError, Terminated
from components.shared.files import sha256_of
from components.train import core, saving
from components.train.lease import LeaseLost
from components.train.loop import Loop
from tests.processes import PATIENCE

INTERVAL, FIRST = 8, 4
"""The first checkpoint is begun after half an interval; how long an upload takes is not known yet."""


class Steps:
    """A clock that goes on by one with each step; `at` has what else happens at the end of a step."""

    def __init__(self, patch):
        self.done, self.changed, self.at = 0, Condition(), {}
        plain = Loop.step

        def step(loop, *rest):
            loss = plain(loop, *rest)
            with self.changed:
                self.done += 1
                self.changed.notify_all()
            self.at.get(self.done, lambda: None)()
            return loss

        patch.setattr(Loop, "step", step)
        patch.setattr(saving, "monotonic", lambda: float(self.done))

    def wait_for(self, done):
        with self.changed:
            assert self.changed.wait_for(lambda: self.done >= done, timeout=PATIENCE), "training does not go on"


class SlowStore(DirectoryStore):
    """The upload of one step lasts until so many steps are done, and then a little."""

    def __init__(self, root, steps, until, slow=FIRST):
        super().__init__(root)
        self.steps, self.until, self.slow, self.committed = steps, until, slow, {}

    def upload(self, path, key):
        if f"/{self.slow:010d}/" in key:
            self.steps.wait_for(self.until)
            time.sleep(0.02)  # a training that does not wait gets ahead
        super().upload(path, key)

    def put(self, key, data):
        super().put(key, data)
        if key.endswith("/complete.json"):
            self.committed[int(key.split("/")[-2][:10])] = self.steps.done


@pytest.fixture
def steps(monkeypatch):
    return Steps(monkeypatch)


@pytest.fixture
def train(configure, monkeypatch, steps):
    """Trains with a slow store and gives it."""

    def run(until, make=SlowStore, **changes):
        config = configure(checkpoint_seconds=float(INTERVAL), **changes)
        store = make(Path(config.checkpoints), steps, until)
        monkeypatch.setattr(core, "open_store", lambda uri: store)
        core.run(config)
        return store

    return run


def test_steps_go_on_during_an_upload(train):
    store = train(until=FIRST + 2)
    assert store.committed[FIRST] >= FIRST + 2


def test_no_step_begins_when_the_newest_complete_checkpoint_is_an_interval_old(train):
    assert train(until=INTERVAL).committed[FIRST] == INTERVAL


def test_a_checkpoint_by_steps_is_complete_before_the_next_step_begins(train):
    store = train(until=0, checkpoint_steps=1)
    assert store.committed == {step: step for step in range(1, 17)}


def test_a_failed_upload_is_told_once_and_tried_again_when_the_next_is_due(train, caplog):
    class Away(SlowStore):
        def upload(self, path, key):
            if f"/{FIRST:010d}/" in key:
                self.steps.wait_for(FIRST + 1)
                raise RetryError("S3 cannot be reached", where="s3://b", remedy="run again")
            super().upload(path, key)

    store = train(0, Away)
    assert caplog.text.count("is not saved") == 1
    assert f"step {FIRST} is not saved, training goes on: s3://b: S3 cannot be reached. Run again" in caplog.text
    assert FIRST < min(store.committed) < 16


def test_sigterm_during_an_upload_waits_for_it_and_saves_the_last_step(train, steps, configure):
    steps.at[FIRST + 2] = lambda: signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Terminated, match=f"step {FIRST + 2} is saved"):
        train(until=FIRST + 2)
    complete = sorted(int(path.parent.name) for path in Path(configure().checkpoints).rglob("complete.json"))
    assert complete == [FIRST, FIRST + 2]


def test_what_another_training_took_over_during_an_upload_is_not_committed(train, steps, configure):
    root = Path(configure().checkpoints)

    def take_over():
        (lease,) = root.rglob("lease-*")
        lease.write_text('{"id": "x", "host": "elsewhere", "pid": 7}')

    steps.at[FIRST + 1] = take_over
    with pytest.raises(LeaseLost, match=r"another training took over the checkpoints \(process 7 on elsewhere\)"):
        train(until=FIRST + 1)
    assert not list(root.rglob("complete.json"))


@pytest.fixture
def little_room():
    """Lets no file grow beyond 16 kB, or ends that."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda little: resource.setrlimit(resource.RLIMIT_FSIZE, (16384, limits[1]) if little else limits)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_without_room_for_a_checkpoint_is_told_and_training_goes_on(train, steps, little_room, caplog):
    steps.at = {2: lambda: little_room(True), 3: lambda: little_room(False)}
    store = train(0, checkpoint_steps=2)
    assert re.search(
        r"step 2 is not saved, training goes on: \S+model.safetensors: a file became too large", caplog.text
    )
    assert list(store.committed) == [4, 6, 8, 10, 12, 14, 16]


CHILD = """
import sys, importlib.util
from pathlib import Path
from components.train.config import Config
spec = importlib.util.spec_from_file_location("saving_tests", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
tests.die_in_the_second_upload(eval(sys.argv[2], {"Config": Config, "PosixPath": Path}))
"""


def die_in_the_second_upload(config):
    """Runs in a process of its own: SIGKILL while the training goes on beside the second upload."""

    class Deadly(SlowStore):
        def upload(self, path, key):
            step = int(key.split("/")[-2][:10])
            if step > FIRST and path.name == "optimizer.safetensors":
                self.steps.wait_for(step + 1)
                os.kill(os.getpid(), signal.SIGKILL)
            super().upload(path, key)

    with pytest.MonkeyPatch.context() as patch:
        steps = Steps(patch)
        patch.setattr(core, "open_store", lambda uri: Deadly(Path(uri), steps, 0))
        core.run(config)


@pytest.mark.slow
def test_killed_during_an_upload_it_goes_on_from_the_checkpoint_before(configure, caplog, injected):
    config, plain = configure(checkpoint_seconds=float(INTERVAL)), configure("plain")
    killed = subprocess.run([sys.executable, "-c", CHILD, __file__, repr(config)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert [path.parent.name for path in Path(config.checkpoints).rglob("complete.json")] == [f"{FIRST:010d}"]
    with caplog.at_level("INFO"):
        core.run(config)
    assert f"going on after step {FIRST}" in caplog.text
    core.run(plain)
    assert sha256_of(config.model / "model.safetensors") == sha256_of(plain.model / "model.safetensors")
    injected("kill: SIGKILL of train during an upload beside it", 1, "goes on from the checkpoint before, same weights")
