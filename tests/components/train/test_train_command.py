"""The command line of a training, and the machine it finds."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from components.train import processes
from tests.processes import PATIENCE, wait_for

HEAVY = ("datasets", "evaluate", "kfp", "transformers.trainer", "sklearn", "tensorflow")


def flags(config):
    return [part for field in fields(config) for part in (f"--{field.name}", str(getattr(config, field.name)))]


@pytest.mark.slow
def test_training_loads_nothing_that_starts_slowly(configure):
    """About 6 s."""
    script = (
        "import sys; from components.shared.entry import main; from components.train.config import Config\n"
        "try: main(Config, '')\n"
        f"finally: print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *flags(configure())], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert "train: trained 16 steps, the best is" in done.stderr


@pytest.mark.slow
def test_sigterm_ends_with_one_line_and_143(configure):
    """About 6 s."""
    config = configure(epochs=5000, evaluations_per_epoch=1, checkpoint_steps=10)
    process = subprocess.Popen(
        [sys.executable, "-m", "components.train", *flags(config)], stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: process.poll() is not None or list(Path(config.checkpoints).rglob("complete.json")))
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 143
    assert errors.splitlines()[-1].startswith("evertune train: Terminated: train: stopped by SIGTERM, step ")
    assert "Traceback" not in errors


@pytest.mark.parametrize(("limit", "count"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None)])
def test_threads_do_not_outnumber_the_cores_of_the_container(tmp_path, monkeypatch, limit, count):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    everything = processes._cores(1)
    quota = tmp_path / "cpu.max"
    quota.write_text(limit)
    monkeypatch.setattr(processes, "CPU_QUOTA", quota)
    assert processes._cores(1) == (count or everything)
    assert processes._cores(1000) == 1
    torch.set_num_threads(before)
