"""A training that is stopped anywhere and run again ends as if it had never been stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from components.shared.datasets import Dataset
from components.shared.directory_store import DirectoryStore
from components.shared.errors import RetryError, Terminated, UserError
from components.shared.files import sha256_of, tree_digest
from components.train import core
from components.train.others import tell_others


class PowerCut(Exception):
    """The machine goes dark."""


class FailingStore(DirectoryStore):
    """Goes dark before its `left`-th change."""

    def __init__(self, root: Path, left: int, failure: Exception) -> None:
        super().__init__(root)
        self.left, self.failure = left, failure

    def _count(self, key: str) -> None:
        if "/lease-" not in key:
            self.left -= 1
            if self.left < 0:
                raise self.failure

    def put(self, key, data):
        self._count(key)
        super().put(key, data)

    def upload(self, path, key):
        self._count(key)
        super().upload(path, key)

    def delete(self, key):
        self._count(key)
        super().delete(key)


class SignallingStore(DirectoryStore):
    """Sends a signal to its own process when the checkpoint of a step is committed."""

    def __init__(self, root: Path, step: int, number: int) -> None:
        super().__init__(root)
        self.step, self.number = step, number

    def put(self, key, data):
        super().put(key, data)
        if key.endswith(f"/{self.step:010d}/complete.json"):
            os.kill(os.getpid(), self.number)


def outcome(config):
    """What must not depend on interruptions: weights, configuration, card, history, metrics, log."""
    described = json.loads((config.model / "lineage.json").read_text())
    files = {
        path.name: sha256_of(path) for path in config.model.iterdir() if path.name not in ("lineage.json", "README.md")
    }
    return {
        **files,
        "metrics": sha256_of(config.metrics),
        "logs": tree_digest(config.logs),
        "digest": described["dataset_digest"],
    }


@pytest.fixture(scope="module")
def expected(configure_in, tmp_path_factory):
    """The outcome without interruption."""
    config = configure_in(tmp_path_factory.mktemp("uninterrupted"))
    core.run(config)
    return outcome(config)


def stop_at(monkeypatch, config, step):
    """Trains until the checkpoint of `step` is committed and SIGTERM comes."""
    monkeypatch.setattr(core, "open_store", lambda uri: SignallingStore(Path(uri), step, signal.SIGTERM))
    with pytest.raises(Terminated) as caught:
        core.run(config)
    monkeypatch.undo()
    return caught.value.line


@pytest.mark.parametrize(
    "steps",
    [(1,), (5,), (8,), (4, 8, 11), tuple(range(1, 16))],
    ids=["first", "within an epoch", "epoch boundary", "after validations", "every step"],
)
def test_stopped_by_sigterm_and_run_again(configure, monkeypatch, expected, steps):
    config = configure(checkpoint_steps=1)
    for step in steps:
        assert f"step {step} is saved" in stop_at(monkeypatch, config, step)
    core.run(config)
    assert outcome(config) == expected


@pytest.mark.parametrize("changes", [0, 1, 3, 5, 6, 7, 13, 14, 20, 27, 40, 41, 47])
def test_dark_at_any_moment_of_saving(configure, monkeypatch, expected, changes):
    config = configure(checkpoint_steps=5)
    monkeypatch.setattr(core, "open_store", lambda uri: FailingStore(Path(uri), changes, PowerCut()))
    try:
        core.run(config)
    except PowerCut:
        assert not config.model.exists()
    monkeypatch.undo()
    core.run(config)
    assert outcome(config) == expected


def newest(config):
    """The directory of the newest checkpoint."""
    return max(path.parent for path in Path(config.checkpoints).rglob("complete.json"))


def flip(path):
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "bit flip in the weights": (lambda at: flip(at / "model.safetensors"), "model.safetensors differs from its sha256"),
    "bit flip in the optimizer": (lambda at: flip(at / "optimizer.safetensors"), "optimizer.safetensors differs"),
    "truncated": (lambda at: os.truncate(at / "best.safetensors", 100), "best.safetensors differs from its sha256"),
    "missing file": (lambda at: (at / "journal.json").unlink(), "journal.json is missing"),
    "not committed": (lambda at: (at / "complete.json").unlink(), "it is incomplete (no complete.json)"),
    "record cut": (lambda at: os.truncate(at / "complete.json", 50), "complete.json cannot be read"),
    "record of another training": (
        lambda at: (at / "complete.json").write_text(
            (at / "complete.json").read_text().replace('"key": "', '"key": "0')
        ),
        "complete.json is not that of this training",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_checkpoint_is_skipped_aloud_for_an_older_one(configure, monkeypatch, expected, caplog, kind):
    damage, told = DAMAGE[kind]
    config = configure(checkpoint_steps=5)
    stop_at(monkeypatch, config, 10)
    damage(newest(config))
    with caplog.at_level("INFO"):
        core.run(config)
    assert f"0000000010 is not used: {told}" in caplog.text
    assert "going on after step 5" in caplog.text
    assert outcome(config) == expected


def test_all_checkpoints_damaged_starts_again(configure, monkeypatch, expected, caplog):
    config = configure(checkpoint_steps=5)
    stop_at(monkeypatch, config, 10)
    for weights in Path(config.checkpoints).rglob("model.safetensors"):
        flip(weights)
    core.run(config)
    assert "going on" not in caplog.text
    assert outcome(config) == expected


def test_checkpoints_come_by_time_too(configure, monkeypatch):
    assert "step 3 is saved" in stop_at(monkeypatch, configure(checkpoint_seconds=1e-9), 3)


def test_only_so_many_checkpoints_are_kept(configure, monkeypatch):
    config = configure(checkpoint_steps=1, keep_checkpoints=3)
    stop_at(monkeypatch, config, 9)
    names = sorted(path.parent.name for path in Path(config.checkpoints).rglob("complete.json"))
    assert names == ["0000000007", "0000000008", "0000000009"]


@pytest.mark.parametrize("change", [{"learning_rate": 0.02}, {"seed": 3}, {"max_tokens": 31}, {"epochs": 3}])
def test_checkpoint_of_another_configuration_is_not_taken(configure, monkeypatch, caplog, change):
    stop_at(monkeypatch, configure(checkpoint_steps=5), 10)
    core.run(configure(checkpoint_steps=5, **change))
    (line,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    ((name, value),) = change.items()
    assert re.fullmatch(
        rf"a new training: the checkpoint of step 10 is not used, \w+ has {name} [\d.]+, not {value}", line
    )


def test_finished_training_of_another_configuration_is_no_warning(configure, caplog):
    core.run(configure(epochs=1))
    with caplog.at_level("INFO"):
        core.run(configure(epochs=1, seed=3))
    (record,) = [record for record in caplog.records if "a new training" in record.message]
    assert record.levelname == "INFO"
    assert record.message.endswith("has seed 17, not 3")


def test_another_number_of_processes_is_refused_while_a_training_is_unfinished(configure, monkeypatch):
    config = configure(checkpoint_steps=5)
    stop_at(monkeypatch, config, 10)
    (record,) = Path(config.checkpoints).rglob("0000000010/complete.json")
    other = replace(config, world_size=2, precision="fp32")
    digest, pin = Dataset(config.data).manifest.digest, config.base_model_reference.rpartition("#")[2]
    with pytest.raises(UserError) as caught:
        tell_others(DirectoryStore(Path(config.checkpoints)), other, digest, pin)
    assert caught.value.line == (
        f"train.world_size: this training has done 10 steps with world_size 1, not 2 ({record.parts[-3]}). "
        "Set it to 1 to go on, or give another `checkpoints` to begin anew"
    )


def test_other_data_than_that_of_a_checkpoint_is_told(configure, monkeypatch, caplog, dataset_of, reviews_of):
    stop_at(monkeypatch, configure(checkpoint_steps=5), 10)
    rows = reviews_of(30)
    with caplog.at_level("INFO"):
        core.run(configure(checkpoint_steps=5, data=dataset_of(train=rows[:20], validation=rows[20:])))
    assert "has other data, base model, code or libraries" in caplog.text


def test_checkpoint_survives_a_change_of_placement(configure, monkeypatch, caplog):
    stop_at(monkeypatch, configure(checkpoint_steps=5), 10)
    with caplog.at_level("INFO"):
        core.run(configure(checkpoint_seconds=7.0, keep_checkpoints=1, revision="reviews/v2"))
    assert "going on after step 10" in caplog.text


@pytest.mark.parametrize(
    ("changes", "saved"), [(0, "no step is"), (7, "step 5 is")], ids=["from the beginning", "after a checkpoint"]
)
def test_training_goes_on_while_the_store_is_away_and_tells_what_is_saved_if_it_stays_away(
    configure, monkeypatch, expected, caplog, changes, saved
):
    config = configure(checkpoint_steps=5)
    away = RetryError("S3 cannot be reached", where="s3://b", remedy="run again")
    monkeypatch.setattr(core, "open_store", lambda uri: FailingStore(Path(uri), changes, away))
    with pytest.raises(RetryError) as caught:
        core.run(config)
    assert re.fullmatch(
        rf"s3://b: step 16 is not saved: S3 cannot be reached; {saved} saved in {config.checkpoints}/\w+\. Run again",
        caught.value.line,
    )
    assert ("step 5 is not saved, training goes on: s3://b: S3 cannot be reached" in caplog.text) == (changes == 0)
    assert "step 15 is not saved" in caplog.text
    assert not config.model.exists()
    monkeypatch.undo()
    core.run(config)
    assert outcome(config) == expected


def test_broken_training_keeps_its_last_good_checkpoint(configure, monkeypatch):
    config = configure(checkpoint_steps=1, learning_rate=1e30, max_grad_norm=0.0)
    with pytest.raises(UserError, match="is nan at step"):
        core.run(config)
    assert newest(config).name == "0000000001"
    with pytest.raises(UserError, match="is nan at step 2"):
        core.run(config)


# What computes is loaded once; each training is a process of its own.
CHILDREN = """
import os, sys, pathlib, signal, importlib.util
import accelerate, torch, transformers
from components.train import core
from components.train.config import Config
spec = importlib.util.spec_from_file_location("resume", sys.argv[2])
resume = importlib.util.module_from_spec(spec)
spec.loader.exec_module(resume)
config = eval(sys.argv[1], {"Config": Config, "PosixPath": pathlib.Path})
for step in map(int, sys.argv[3:]):
    if not (child := os.fork()):
        core.open_store = lambda uri: resume.SignallingStore(pathlib.Path(uri), step, signal.SIGKILL)
        core.run(config)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), resume.newest(config).name, flush=True)
"""


@pytest.mark.slow
def test_killed_processes_leave_a_training_that_goes_on(configure, expected):
    """Killed after the first checkpoint, after a validation, after an epoch, in the second epoch."""
    config, steps = configure(checkpoint_steps=1), (1, 4, 8, 13)
    command = [sys.executable, "-c", CHILDREN, repr(config), __file__, *map(str, steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [f"{-signal.SIGKILL} {step:010d}" for step in steps], done.stderr
    core.run(config)
    assert outcome(config) == expected
    assert not list(config.model.parent.glob(".*"))


def test_outputs_that_were_lost_are_written_again(configure, expected):
    config = configure()
    core.run(config)
    shutil.rmtree(config.model)
    core.run(config)
    assert outcome(config) == expected
