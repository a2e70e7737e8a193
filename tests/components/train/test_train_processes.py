"""Two processes learn what one learns. Each test starts processes and takes ten seconds or more."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest

from components.shared.files import sha256_of
from components.train import core

pytestmark = pytest.mark.slow


def torchrun(config):
    """Runs the command line in two processes on this machine."""
    return subprocess.run(command(config), capture_output=True, text=True, check=False, timeout=300)


def command(config):
    flags = [part for field in fields(config) for part in (f"--{field.name}", str(getattr(config, field.name)))]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    return [*launcher, "-m", "--", "components.train", *flags]  # without `--` torchrun takes `--logs` for its own


def told(config):
    return json.loads((config.model / "training.json").read_text())


def test_two_processes_have_the_losses_of_one(configure, without_dropout):
    """58 rows in batches of 8: the last batch of an epoch has 2 rows for 2 x 3 parts."""
    config = configure("two", base_model=without_dropout, world_size=2, accumulation=3, checkpoint_steps=5)
    done = torchrun(config)
    assert done.returncode == 0, done.stderr
    one = configure("one", base_model=without_dropout)
    core.run(one)
    for group, column in (("history", "loss"), ("history", "grad_norm"), ("validations", "loss")):
        series = [[point[column] for point in told(config)[group]] for config in (config, one)]
        assert series[0] == pytest.approx(series[1], rel=1e-3)


def test_number_of_processes_is_asserted(configure):
    config = configure()
    done = torchrun(config)
    assert "UserError: train.world_size: the number of processes is 2, not 1" in done.stderr
    assert not config.model.exists()


def test_two_processes_go_on_exactly_after_a_stop(configure):
    """SIGTERM reaches the processes at different moments; they agree on a step, save it and end."""
    plain = configure("plain", world_size=2, epochs=15, evaluations_per_epoch=1)
    stopped = configure("stopped", world_size=2, epochs=15, evaluations_per_epoch=1, checkpoint_steps=10)
    assert torchrun(plain).returncode == 0
    launcher = subprocess.Popen(command(stopped), stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list(Path(stopped.checkpoints).rglob("complete.json")))
    launcher.send_signal(signal.SIGTERM)
    assert "Terminated: train: stopped by SIGTERM, step" in launcher.communicate(timeout=120)[1]
    done = torchrun(stopped)
    assert "going on after step" in done.stderr
    assert sha256_of(stopped.model / "model.safetensors") == sha256_of(plain.model / "model.safetensors")
    assert told(stopped) == told(plain)


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
