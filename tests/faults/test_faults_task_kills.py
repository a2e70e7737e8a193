"""SIGKILL at random moments of the training of each task and method: run again it ends with the same bytes.

Two of the trainings are killed once each here; EVERTUNE_SOAK=1 kills each of them thirteen times.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.shared.datasets import DatasetWriter
from components.shared.records import columns_of
from components.shared.references import pin_local
from tests.faults.trials import AT_ONCE, INTERVAL, SOAK, Trial, check_rerun
from tests.task_data import KINDS, row_of
from tests.tiny_models import tiny_model_of

METHODS = {
    "causal_lm": {"optimizer": "adafactor", "packing": True},
    "chat": {"adapter": "lora", "accumulation": 2},
    "classification": {"layer_decay": 0.9, "focal_gamma": 2.0},
    "masked_lm": {"batch_tokens": 256, "optimizer": "sgd"},
    "multilabel_classification": {"class_weights": "balanced", "schedule": "cosine"},
    "question_answering": {"freeze": "*.embeddings.*", "dropout": 0.2},
    "summarization": {"schedule": "wsd", "label_smoothing": 0.1},
    "translation": {"gradient_checkpointing": True, "optimizer": "schedule_free", "schedule": "constant"},
}
KILLS = 13 if SOAK else 1
KILLED = sorted(METHODS) if SOAK else ["causal_lm", "chat"]
WORDS = (
    *("the", "a", "film", "story", "plays", "warm", "dull", "slow", "bright", "people", "never", "always", "ends"),
    *("begins", "with", "of", "and", "hero", "villain", "song"),
)


def texts(count: int) -> list[str]:
    chance = random.Random(7)
    return [" ".join(chance.choices(WORDS, k=chance.randint(4, 20))) for _ in range(count)]


@pytest.fixture
def trial_of(tmp_path: Path) -> Callable[[str], Trial]:
    """Makes trainings of a task, all with the same inputs and each with checkpoints and outputs of its own."""
    made: dict[str, dict[str, object]] = {}

    def inputs(task: str) -> dict[str, object]:
        rows = [row_of(task, text, ("negative", "positive")[number % 2]) for number, text in enumerate(texts(60))]
        data = tmp_path / task / "data"
        data.mkdir(parents=True)
        writer = DatasetWriter(data, columns_of(task), ("train", "validation", "test"))
        for number, row in enumerate(rows):
            writer.write(row, "train" if number < 44 else "validation" if number < 54 else "test")
        writer.finish()
        model = tiny_model_of(KINDS[task], tmp_path / task / "model", texts(60))
        return {"data": data, "base_model_reference": str(pin_local(str(model), "test"))}

    def make(task: str) -> Trial:
        home = tmp_path / f"{task}-{uuid.uuid4().hex[:8]}"
        given = made[task] if task in made else made.setdefault(task, inputs(task))
        flags = {
            "task": task,
            "dataset": task,
            "revision": f"{task}/v1",
            "checkpoints": f"{home}-checkpoints",
            "batch_size": 4,
            "epochs": 4,
            "max_tokens": 48,
            "learning_rate": 0.005,
            "threads": 1,
            "checkpoint_steps": INTERVAL,
        }
        return Trial("train", home, {**given, **flags, **METHODS[task]})

    return make


@pytest.mark.slow
@pytest.mark.parametrize("task", KILLED)
def test_a_killed_training_of_any_task_run_again_gives_the_same(trial_of, task: str, injected) -> None:
    whole = trial_of(task)
    began = time.monotonic()
    whole.complete()
    seconds = time.monotonic() - began

    def check(seed: int) -> None:
        chance = random.Random(f"{task} {seed}")
        while True:
            trial = trial_of(task)
            if trial.kill(chance.uniform(0.4, 1.0) * seconds):
                return check_rerun(trial, whole.digests(), f"{task} {seed}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(check, range(KILLS)))
    outcome = "no committed checkpoint lost, at most one interval repeated, the same weights bit for bit"
    injected(f"kill: SIGKILL at a random moment of train ({task})", KILLS, outcome)
