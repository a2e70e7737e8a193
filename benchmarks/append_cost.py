"""What preparing the data again costs after an append: CPU time of ingest, clean and split, first and second run.

    python benchmarks/append_cost.py [documents] [--words 215] [--append 1] [--steps ingest] [--profile clean]

The corpus of duplicates_corpus.py lies as files of lines of JSON in a folder, one of which is new in the second run.
Each step runs as `python -m components.<step>` with its defaults and a store in a directory; told are the CPU seconds
of all its processes. 430,000 documents make 105 shards of raw rows. `--steps` leaves out the last ones. `--profile`
writes `<step>.profile` into this directory, for the second run of a step.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
FILE_ROWS: Final = 10_000
STEPS: Final = ("ingest", "clean", "split")
WRITER: Final = """
import json, sys
from pathlib import Path
import duplicates_corpus
folder, documents, appended, duplicates_corpus.WORDS = Path(sys.argv[1]), *map(int, sys.argv[2:])
for number, block in enumerate(duplicates_corpus.blocks(documents)):
    rows = [{"text": text, "label": "ab"[row % 2]} for row, text in enumerate(block["text"].to_pylist())]
    with (folder / f"{number:05d}.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\\n" for row in rows)
begin = 10_000 * (documents // 10_000 + 1)
language, chance = duplicates_corpus.Language(chinese=False), duplicates_corpus.np.random.default_rng([2, begin])
drawn = language.draw(chance, appended * duplicates_corpus.WORDS).reshape(appended, -1)
with (folder.parent / "appended.jsonl").open("w") as file:
    for row, words in enumerate(drawn):
        file.write(json.dumps({"text": language.written(words), "label": "ab"[row % 2]}) + "\\n")
"""


def write(folder: Path, documents: int, appended: int, words: int) -> None:
    """Writes the files of the corpus into a folder, and what is appended later beside it."""
    folder.mkdir()
    arguments = [str(folder), str(documents), str(appended), str(words)]
    environment = {**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}"}
    subprocess.run([sys.executable, "-c", WRITER, *arguments], check=True, env=environment)


def pinned(folder: Path) -> str:
    """The reference of the folder with the digest of what it holds."""
    program = "import sys; from components.shared.references import pin_local; print(pin_local(sys.argv[1], 'source'))"
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)], check=True, capture_output=True, text=True, cwd=HERE.parent
    ).stdout.strip()


def arguments_of(step: str, place: Path) -> list[str]:
    """The flags of a step."""
    flags = {
        "ingest": {"source_reference": pinned(place / "source"), "store": place / "store"},
        "clean": {"raw": place / "raw", "store": place / "store"},
        "split": {"cleaned": place / "cleaned", "findings": place / "findings"},
    }[step]
    outputs = {
        "ingest": ("raw", "evaluation_texts", "rejects"),
        "clean": ("cleaned", "findings", "report"),
        "split": ("splits", "card", "report"),
    }[step]
    flags |= {name: place / name for name in outputs}
    return ["--task=classification", *(f"--{name}={value}" for name, value in flags.items())]


def cpu_seconds(step: str, place: Path, profiled: bool) -> float:
    """CPU seconds of a step with all its processes."""
    how = ["-m", "cProfile", "-o", f"{step}.profile"] if profiled else []
    command = [sys.executable, *how, "-m", f"components.{step}", *arguments_of(step, place)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    lines = (place / "log").read_text().strip().splitlines()
    if status:
        sys.exit("\n".join(lines))
    print(f"{step}: {lines[-1]}", file=sys.stderr)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Prints a line for each step, and one for all together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="?", type=int, default=500_000)
    parser.add_argument("--words", type=int, default=215)
    parser.add_argument("--append", type=float, default=1.0, metavar="PER_CENT")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS, help="the first one, or the first two")
    parser.add_argument("--profile", choices=STEPS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write(place / "source", given.documents, round(given.documents * given.append / 100), given.words)
        first = {step: cpu_seconds(step, place, profiled=False) for step in given.steps}
        (place / "appended.jsonl").rename(place / "source" / "99999.jsonl")
        second = {step: cpu_seconds(step, place, profiled=step == given.profile) for step in given.steps}
    print("| step | first run | second run | share |\n|---|---|---|---|")
    for step, before, after in (
        *((step, first[step], second[step]) for step in given.steps),
        ("all", sum(first.values()), sum(second.values())),
    ):
        print(f"| {step} | {before:,.1f} | {after:,.1f} | {after / before:.0%} |")


if __name__ == "__main__":
    main()
