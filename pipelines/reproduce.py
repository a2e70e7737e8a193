"""Runs the stages of dvc.yaml in a workspace and tells what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from components.shared.entry import STEPS_FILE
from components.shared.errors import EvertuneError
from pipelines.profiles import ROOT
from pipelines.steps import STEPS


class StepFailed(EvertuneError):
    """A step ended with an error, which it has told already."""

    def __init__(self, step: str, exit_code: int) -> None:
        super().__init__(f"{step} failed with exit code {exit_code}")
        self.exit_code = exit_code


def reproduce(workspace: Path) -> dict[str, dict[str, Any]]:
    """Runs `dvc repro` in a workspace.

    Returns:
        For each step that ran, in order, its seconds and peak memory; steps that are missing were cached.

    Raises:
        StepFailed: when a step failed.
        EvertuneError: when DVC itself failed, after its own message.
    """
    steps_file = workspace / "steps.jsonl"
    steps_file.unlink(missing_ok=True)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "EVERTUNE_COMMIT": os.environ.get("EVERTUNE_COMMIT") or code_commit(),
        STEPS_FILE: str(steps_file),
    }
    command = [sys.executable, "-m", "dvc", "repro"]
    # DVC's own lines repeat what the steps say; they matter only when DVC itself fails.
    code = subprocess.run([*command, "--quiet"], cwd=workspace, env=environment, check=False).returncode
    ran = _steps(steps_file)
    failed = [(step, facts["exit_code"]) for step, facts in ran.items() if facts["exit_code"]]
    if failed:
        raise StepFailed(*failed[0])
    if code and subprocess.run(command, cwd=workspace, env=environment, check=False).returncode:
        raise EvertuneError("dvc repro failed", where=str(workspace), remedy="see its message above")
    return {step: ran[step] for step in STEPS if step in ran}


def code_commit() -> str:
    """The commit of the code, with `-dirty` when files differ from it; empty outside a git checkout."""
    describe = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    return subprocess.run(describe, capture_output=True, text=True, check=False).stdout.strip()


def summarise(profile: str, workspace: Path, ran: dict[str, dict[str, Any]], started: float) -> dict[str, Any]:
    """The facts of a finished run, as they stand in `last-run.json`."""
    decision = json.loads((workspace / "promote" / "decision.json").read_bytes())
    return {
        "profile": profile,
        "dataset_revision": (workspace / "version" / "revision").read_text(),
        "dvc_md5": (workspace / "version" / "dvc_md5").read_text(),
        "dataset_digest": (workspace / "version" / "dataset_digest").read_text(),
        "model_dir": str(workspace / "train" / "model"),
        "metrics": json.loads((workspace / "evaluate" / "metrics.json").read_bytes()),
        "metric": decision["metric"],
        "decision": "promoted" if decision["promoted"] else "kept",
        "reason": decision["reason"],
        "report": str(workspace / "evaluate" / "report.html"),
        "seconds": {step: round(ran[step]["seconds"], 2) if step in ran else 0.0 for step in STEPS},
        "cached": [step for step in STEPS if step not in ran],
        "total_seconds": round(time.time() - started, 2),
    }


def _steps(path: Path) -> dict[str, dict[str, Any]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return {facts.pop("step"): facts for facts in map(json.loads, lines)}
