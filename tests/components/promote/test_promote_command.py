"""The command line of `promote`: processes that race or are killed, and credentials that are wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from components.promote.config import Config
from components.shared import champions
from components.shared.errors import UserError
from components.shared.models import model_digest
from components.shared.objects import open_store
from components.shared.options import fields_of

Make = Callable[..., Config]
CODE = Path(__file__).parents[3]


KILLED_AT = """
import importlib, os, signal, sys
module, _, name = sys.argv.pop(1).rpartition(".")
setattr(importlib.import_module(module), name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
from components.promote.config import Config
from components.shared.entry import main
main(Config, "")
"""


def started(config: Config, *program: str) -> subprocess.Popen[str]:
    flags = [f"--{name}={getattr(config, name)}" for name in fields_of(Config)]
    command = [sys.executable, *(program or ("-m", "components.promote")), *flags]
    return subprocess.Popen(command, cwd=CODE, stderr=subprocess.PIPE, text=True)


def finished(config: Config, *program: str) -> int:
    with started(config, *program) as process:
        said = process.communicate()[1]
    assert "Traceback" not in said
    return process.returncode


@pytest.mark.parametrize(
    ("moment", "records"),
    [
        ("components.shared.models.canonical_json", 1),  # files are uploaded, the model is not complete
        ("components.shared.champions.append", 1),  # the model is complete, the champion has not moved
        ("components.promote.core.canonical_json", 2),  # the champion has moved, the decision is not written
    ],
)
def test_a_run_that_was_killed_ends_as_one_that_was_not(make: Make, tmp_path: Path, moment: str, records: int) -> None:
    first = "000001-" + model_digest(make("first").model)[:16]
    whole, killed = str(tmp_path / "whole"), str(tmp_path / "killed")
    for store in (whole, killed):
        assert finished(make("first", store=store)) == 0
    config, other = make("second", first, store=killed), make("second", first, store=whole)
    assert finished(config, "-c", KILLED_AT, moment) == -signal.SIGKILL
    assert not config.decision.exists()
    assert len(champions.history(open_store(killed), "reviews")) == records
    assert (finished(config), finished(other)) == (0, 0)
    assert config.decision.read_bytes() == other.decision.read_bytes()
    assert open_store(killed).keys() == open_store(whole).keys()
    assert json.loads(config.decision.read_bytes())["promoted"] is True


def test_of_two_processes_one_promotes(make: Make, s3: str) -> None:
    configs = [make(name, store=s3) for name in ("one", "other")]
    processes = [started(config) for config in configs]
    for process in processes:
        assert "Traceback" not in process.communicate()[1]
        assert process.returncode == 0
    decisions = [json.loads(config.decision.read_bytes()) for config in configs]
    assert sorted(decision["promoted"] for decision in decisions) == [False, True]
    assert len(champions.history(open_store(s3), "reviews")) == 1


@pytest.mark.parametrize("secret", ["canary-of-the-secret", None])
def test_credentials_that_are_wrong_or_missing(
    make: Make, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    config = make("first", store=s3)
    if secret:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    else:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with started(config) as process:
        (line,) = process.communicate()[1].splitlines()
    assert process.returncode == UserError.exit_code
    assert ("S3 refused the request" if secret else "no S3 credentials") in line
    assert "canary" not in line
    assert not config.decision.exists()
