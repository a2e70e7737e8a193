"""The command line of `version`: exit codes, no secret in the output, death by SIGKILL."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from components.shared.errors import UserError
from components.shared.options import fields_of
from components.shared.registry import revisions
from components.version.config import Config
from tests.processes import wait_for, wait_until_gone

Make = Callable[..., Config]
CODE = Path(__file__).parents[3]


def command(config: Config) -> list[str]:
    flags = [f"--{name}={getattr(config, name)}" for name in fields_of(Config)]
    return [sys.executable, "-m", "components.version", *flags]


def called(config: Config) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(config), cwd=CODE, capture_output=True, text=True, check=False)


def test_wrong_credentials_end_in_one_line_without_them(
    version_config: Make, s3: str, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-of-the-secret")
    done = called(version_config(store=s3))
    assert done.returncode == UserError.exit_code
    assert "S3 refused the request" in done.stderr.splitlines()[-1]
    assert "Check the credentials" in done.stderr
    assert "canary" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert revisions(str(registry)) == []


def test_a_kill_between_the_two_uploads(
    version_config: Make, registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # the killed run cannot tidy up
    config = version_config()
    hook, victim = registry / "hooks" / "pre-receive", tmp_path / "victim"
    hook.write_text(f"#!/bin/sh\nkill -9 $(cat {victim})\nexit 1\n")
    hook.chmod(0o755)
    with subprocess.Popen(command(config), cwd=CODE, stderr=subprocess.DEVNULL) as process:
        victim.write_text(str(process.pid))
        assert process.wait() == -signal.SIGKILL
    hook.unlink()
    assert list((tmp_path / "store").rglob("*.dir")), "the bytes were uploaded before the kill"
    assert revisions(str(registry)) == []
    assert called(config).returncode == 0
    assert config.revision.read_text() == "reviews/v1"
    assert config.dvc_md5.read_text().endswith(".dir")
    assert [one.revision for one in revisions(str(registry))] == ["reviews/v1"]


def test_sigterm_ends_the_programs_it_started(version_config: Make, registry: Path, tmp_path: Path) -> None:
    hook, started = registry / "hooks" / "pre-receive", tmp_path / "started"
    hook.write_text(f"#!/bin/sh\necho $$ > {started}.new && mv {started}.new {started}\nexec sleep 600\n")
    hook.chmod(0o755)
    with subprocess.Popen(command(version_config()), cwd=CODE, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: started.exists() or process.poll() is not None)
        process.terminate()
        assert "Run again to go on" in process.communicate()[1]
        assert process.returncode == 143
    wait_until_gone(int(started.read_text()))
