"""Programs that run for us: what they read and write arrives whole, and none outlives its deadline."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.shared import commands
from components.shared.commands import Deadline, run
from components.shared.errors import RetryError
from tests.processes import over_when, wait_until_gone


def test_a_program_that_takes_long_gets_all_its_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "NOTICE_SECONDS", 0.05)
    given = b"x" * 300_000
    outcome = run(["sh", "-c", "sleep 0.3; wc -c"], "wc", Deadline(60), tmp_path, os.environ, given)
    assert (outcome.code, outcome.out.strip()) == (0, "300000")


def test_a_program_is_ended_at_its_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "child"
    command = ["sh", "-c", f"sleep 600 & echo $! > {child}.new; mv {child}.new {child}; wait"]
    monkeypatch.setattr(commands, "NOTICE_SECONDS", 0.05)
    with pytest.raises(RetryError, match=r"sleeping: not done after 0.5 seconds"):
        run(command, "sleeping", over_when(child.exists)(0.5), tmp_path, os.environ)
    wait_until_gone(int(child.read_text()))
