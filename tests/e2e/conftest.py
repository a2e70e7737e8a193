"""A fresh clone of the repository as it is, in which the commands run like a newcomer runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.profiles import ROOT


class Clone:
    """A clone with the commands of `evertune`, each a process of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "EVERTUNE_"))}
        self.environment = {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}

    def __call__(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs a command in the clone and checks its exit code."""
        done = subprocess.run(command, cwd=self.path, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done

    def evertune(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs `evertune` with the clone's own code."""
        return self(sys.executable, "-m", "pipelines", *arguments, code=code)

    def status(self) -> str:
        """What git sees as changed or new."""
        return self("git", "status", "--porcelain").stdout


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    path = tmp_path_factory.mktemp("clone") / "evertune"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(path)], check=True)
    # What is not committed yet is tested too.
    listed = subprocess.run(
        ["git", "ls-files", "--modified", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in listed:
        if (ROOT / name).exists():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    if listed:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", "add", "--all"], cwd=path, check=True)
        subprocess.run(["git", *identity, "commit", "--quiet", "--message", "as it is"], cwd=path, check=True)
    made = Clone(path)
    yield made
    made.evertune("store", "stop")
