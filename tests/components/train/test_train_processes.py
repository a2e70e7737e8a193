"""Two processes learn what one learns. Each test starts processes and takes ten seconds or more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields

import pytest
from safetensors.torch import load_file

from components.shared.errors import UserError
from components.shared.files import sha256_of
from components.train import core
from pipelines.profiles import ROOT
from tests.processes import PATIENCE
from tests.task_data import row_of
from tests.tiny_models import tiny_model_of

pytestmark = pytest.mark.slow


# The second process has less memory: more than 70 tokens at once do not fit.
LITTLE_MEMORY = """
import os, torch
from components.train.tasks.classification import Classification
plain_loss = Classification.loss
def loss(self, model, batch):
    if os.environ["RANK"] == "1" and batch["input_ids"].numel() > 70:
        raise torch.OutOfMemoryError("CUDA out of memory")
    return plain_loss(self, model, batch)
Classification.loss = loss
"""
# The first process is killed at its second checkpoint, before that is complete.
KILLED = """
import os, signal
from components.train.checkpoints import Checkpoints
plain_save = Checkpoints.save
def save(self, step, *args, **settings):
    if step == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain_save(self, step, *args, **settings)
Checkpoints.save = save
"""
# The launcher is told to stop when the first process has its second checkpoint, and stops both before the end.
STOPPED = """
import os, signal, threading
from components.train.checkpoints import Checkpoints
from components.train.stop import StopOnSigterm
plain_save, plain_request, stopped = Checkpoints.save, StopOnSigterm._request, threading.Event()
def request(self, *arguments):
    plain_request(self, *arguments)
    stopped.set()
def save(self, step, *args, **settings):
    plain_save(self, step, *args, **settings)
    if step == 10:
        os.kill(os.getppid(), signal.SIGTERM)
        stopped.wait()
Checkpoints.save, StopOnSigterm._request = save, request
"""
# What a kill after the checkpoint of step 5 would leave is kept: the place of the other training is put in.
KEPT = """
import shutil
from components.train.checkpoints import Checkpoints
plain_save = Checkpoints.save
def save(self, step, *args, **settings):
    plain_save(self, step, *args, **settings)
    if step == 5:
        shutil.copytree({whole!r}, {other!r})
Checkpoints.save = save
"""
STEP = """
from components.shared.entry import main
from components.train.config import Config
main(Config, "")
"""


def torchrun(config, *program):
    """Runs the command line in two processes on this machine."""
    flags = [part for field in fields(config) for part in (f"--{field.name}", str(getattr(config, field.name)))]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    # What the name of this machine leads to is no matter: the processes meet on loopback.
    launcher += ["--local-addr=127.0.0.1", f"--shutdown-timeout={PATIENCE:.0f}"]
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo"}
    environment["PYTHONPATH"] = str(ROOT)  # a program of its own finds the code there
    # without `--` torchrun takes `--logs` for its own
    called = [*launcher, *(("--", *program) if program else ("-m", "--", "components.train")), *flags]
    return subprocess.run(called, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)


@pytest.fixture
def causal_lm(tmp_path, reviews_of, write_rows_of):
    """What a training of a language model without dropout takes."""
    rows = [row_of("causal_lm", *one) for one in reviews_of(60)]
    data = write_rows_of(tmp_path / "data", "causal_lm", {"train": rows[:44], "validation": rows[44:56]})
    none = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    model = tiny_model_of("gpt2", tmp_path / "model", [text for text, _ in reviews_of(60)], **none)
    return {"task": "causal_lm", "data": data, "base_model": model, "max_tokens": 48, "batch_tokens": 150}


def assert_alike(config, other):
    """The same numbers as far as sums in another order go, which is not for hundreds of steps."""
    for group, column in (("history", "loss"), ("history", "grad_norm"), ("validations", "loss")):
        series = [[point[column] for point in told(one)[group]][:50] for one in (config, other)]
        assert series[0] == pytest.approx(series[1], rel=1e-3)


def told(config):
    return json.loads((config.model / "training.json").read_text())


def test_two_processes_have_the_losses_of_one(configure, without_dropout):
    """58 rows in batches of 8: the last batch of an epoch has 2 rows for 2 x 3 parts."""
    config = configure("two", base_model=without_dropout, world_size=2, accumulation=3, checkpoint_steps=5)
    done = torchrun(config)
    assert done.returncode == 0, done.stderr
    one = configure("one", base_model=without_dropout)
    core.run(one)
    assert_alike(config, one)


@pytest.fixture
def program(tmp_path):
    """Writes the step with faults in it; gives its file."""

    def write(*faults):
        path = tmp_path / f"step_{len(faults)}.py"
        path.write_text("".join(faults) + STEP)
        return str(path)

    return write


def assert_exact_after_a_kill(plain, killed, program, *faults):
    """A killed process takes the other one with it; both go on from the newest complete checkpoint."""
    assert torchrun(killed, program(*faults, KILLED)).returncode != 0
    assert_goes_on_exactly(plain, killed, program(*faults))


def assert_goes_on_exactly(whole, other, *program):
    """What the other training goes on to make from its checkpoint is what the whole one made."""
    done = torchrun(other, *program)
    assert "going on after step 5," in done.stderr, done.stderr
    assert sha256_of(other.model / "model.safetensors") == sha256_of(whole.model / "model.safetensors")
    assert told(other) == told(whole)


def test_two_processes_with_token_budgets_agree_on_parts_that_fit_and_go_on_exactly_after_a_kill(
    configure, without_dropout, program
):
    given = {"base_model": without_dropout, "batch_tokens": 200}
    config = configure("two", world_size=2, **given)
    done = torchrun(config, program(LITTLE_MEMORY))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("out of memory: each step is computed in 4 parts") == 2  # each process tells it
    one = configure("one", **given)
    core.run(one)
    assert_alike(config, one)
    killed = configure("killed", world_size=2, checkpoint_steps=5, **given)
    assert_exact_after_a_kill(config, killed, program, LITTLE_MEMORY)


def test_processes_that_share_a_model_learn_as_one_does_and_go_on_exactly_from_a_checkpoint(
    configure, causal_lm, program
):
    """With FSDP2: its checkpoints and its model hold whole tensors, like those of others."""
    given = {**causal_lm, "epochs": 1}
    whole, other = (
        configure(home, world_size=2, checkpoint_steps=5, sharding="fsdp2", **given) for home in ("whole", "other")
    )
    done = torchrun(whole, program(KEPT.format(whole=whole.checkpoints, other=other.checkpoints)))
    assert done.returncode == 0, done.stderr
    one = configure("one", **given)
    core.run(one)
    assert_alike(whole, one)
    assert load_file(whole.model / "model.safetensors").keys() == load_file(one.model / "model.safetensors").keys()
    assert_goes_on_exactly(whole, other)


def test_number_of_processes_is_asserted(configure):
    config = configure(world_size=2)
    with pytest.raises(
        UserError, match=r"train.world_size: the number of processes is 1, not 2. Start it with `torchr"
    ):
        core.run(config)
    assert not config.model.exists()


def test_two_processes_learn_a_language_as_one_does_and_go_on_exactly_after_a_stop(configure, causal_lm, program):
    """SIGTERM reaches the processes at different moments; they agree on a step, save it and end."""
    given = {**causal_lm, "epochs": 3, "evaluations_per_epoch": 1}
    plain = configure("plain", world_size=2, **given)
    stopped = configure("stopped", world_size=2, checkpoint_steps=5, **given)
    assert torchrun(plain).returncode == 0
    one = configure("one", **given)
    core.run(one)
    assert_alike(plain, one)
    said = torchrun(stopped, program(STOPPED)).stderr
    assert "Terminated: train: stopped by SIGTERM, step 11 is saved" in said, said
    done = torchrun(stopped)
    assert "going on after step 11," in done.stderr, done.stderr
    assert sha256_of(stopped.model / "model.safetensors") == sha256_of(plain.model / "model.safetensors")
    assert told(stopped) == told(plain)
