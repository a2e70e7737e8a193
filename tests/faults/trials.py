"""A step in a process of its own that can be killed, with what it left told apart from what it finished."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from components.shared.files import sha256_of, tree_digest
from components.shared.objects import open_store
from components.shared.options import fields_of
from pipelines.steps import config_of

SOAK = os.environ.get("EVERTUNE_SOAK") == "1"
AT_ONCE = 2
INTERVAL = 6
"""Steps between the checkpoints of a training."""
CODE = Path(__file__).parents[2]
# The training notes each step that it begins, so that what a rerun repeats can be counted.
TRAIN = """
import os, sys
notes = sys.argv.pop(1)
from components.train import loop
step = loop.Loop.step
def noted(self, *rest):
    with open(notes, "a") as file:
        file.write(f"{os.getpid()} {self.journal.step + 1}\\n")
    return step(self, *rest)
loop.Loop.step = noted
from components.shared.entry import main
from components.train.config import Config
main(Config, "")
"""


@dataclass
class Trial:
    """A step with outputs and state of its own."""

    step: str
    home: Path
    flags: Mapping[str, object]
    outputs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True)
        config = config_of(self.step)
        self.outputs = tuple(name for name, one in fields_of(config).items() if "output" in one.metadata["kind"])

    def start(self) -> subprocess.Popen[str]:
        program = ["-c", TRAIN, str(self.home / "notes")] if self.step == "train" else ["-m", f"components.{self.step}"]
        given = {**self.flags, **{name: self.home / name for name in self.outputs}}
        command = [sys.executable, *program, *(f"--{name}={value}" for name, value in given.items())]
        return subprocess.Popen(command, cwd=CODE, stderr=subprocess.PIPE, text=True)

    def complete(self) -> str:
        """Runs to the end and returns what it said."""
        with self.start() as process:
            said = process.communicate()[1]
        assert process.returncode == 0, said
        assert "Traceback" not in said
        return said

    def kill(self, after: float) -> bool:
        """Starts, and kills it after some seconds; says whether it was still at work."""
        with self.start() as process:
            time.sleep(after)
            process.kill()
            process.communicate()
        return process.returncode == -signal.SIGKILL

    def digests(self) -> dict[str, str]:
        """Of the outputs that are there."""
        return {name: self._digest(self.home / name) for name in self.outputs if (self.home / name).exists()}

    def _digest(self, path: Path) -> str:
        if self.step == "evaluate" and path.name == "report":  # it has the speed of this machine
            assert path.read_text().rstrip().endswith("</html>")
            return "whole"
        if path.name == "model":  # its lineage has the code commit
            described = ("README.md", "lineage.json")
            weights = sorted(one for one in path.rglob("*") if one.is_file() and one.name not in described)
            return " ".join(f"{one.name}:{sha256_of(one)}" for one in weights)
        return tree_digest(path)

    def steps_begun(self) -> list[list[int]]:
        """Steps of the training, by process."""
        notes = self.home / "notes"
        by_process: dict[str, list[int]] = {}
        for line in notes.read_text().splitlines() if notes.exists() else ():
            process, _, step = line.partition(" ")
            by_process.setdefault(process, []).append(int(step))
        return list(by_process.values())

    def checkpoints(self) -> list[str]:
        """Names of the committed ones, the oldest first."""
        keys = open_store(str(self.flags["checkpoints"])).keys()
        return sorted(key.split("/")[-2] for key in keys if key.endswith("/complete.json"))


def check_rerun(trial: Trial, expected: Mapping[str, str], name: str) -> None:
    """A killed training left nothing half written, goes on from its newest checkpoint and ends as the whole one."""
    left = trial.digests()
    left.pop("logs", None)  # is written as it goes, and again from the beginning by the rerun
    assert left.items() <= expected.items(), f"{name}: a part of an output looks whole"
    committed, begun = trial.checkpoints(), [max(steps) for steps in trial.steps_begun()]
    assert begun or not committed
    said = trial.complete()
    assert trial.digests() == expected, name
    resumed = re.search(r"going on after step (\d+)", said)
    saved = int(resumed[1]) if resumed else 0
    # What was on its way to the store when its sender died may be committed after the listing above.
    assert saved >= max(map(int, committed), default=0), "a committed checkpoint was lost"
    again = trial.steps_begun()[len(begun) :]
    if begun and again:
        assert again[0][0] == saved + 1
        assert begun[0] - saved <= INTERVAL, "more than one interval was repeated"
