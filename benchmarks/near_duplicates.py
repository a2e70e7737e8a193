"""Near-duplicate removal beside other libraries: CPU time, memory, what is found and what is dropped wrongly.

    python benchmarks/near_duplicates.py [documents] [--chinese] [--only evertune,rensa]

The corpus is that of duplicates_corpus.py. The others are installed once into build/peers, an environment of their own,
from peers-requirements.txt. Each contender runs in a process of its own; its CPU time and its memory count from the
start of Python to the ids of the rows it keeps, reading included.

What is right is computed here from the texts, not with our code: the true Jaccard similarity of each copy and its
original, over pairs of words (runs of three characters in Chinese). Recall is the share of pairs of which one is
dropped; precision the share of dropped rows that belong to a pair of at least .7.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from near_duplicate_contenders import CONTENDERS, OURS, THRESHOLD, WORD, word_pairs

HERE = Path(__file__).resolve().parent
PEERS_HOME = HERE.parent / "build" / "peers"
REQUIREMENTS = HERE / "peers-requirements.txt"


def peers_python() -> Path:
    """The Python of the environment that holds the other libraries; made if it is not there."""
    python, done = PEERS_HOME / "bin" / "python", PEERS_HOME / ".done"
    if not done.exists() or done.read_bytes() != REQUIREMENTS.read_bytes():
        venv.create(PEERS_HOME, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "-r", REQUIREMENTS], check=True)
        done.write_bytes(REQUIREMENTS.read_bytes())
    return python


def run(name: str, corpus: Path, kept: Path) -> tuple[float, float]:
    """CPU seconds and megabytes of a contender."""
    ours = name in {one.__name__ for one in OURS}
    python = Path(sys.executable) if ours else peers_python()
    command = [str(python), str(HERE / "near_duplicate_contenders.py"), name, str(corpus), str(kept)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "HF_HUB_OFFLINE": "1", "HF_HOME": str(kept.parent)}
    with kept.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=kept.parent)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        print(kept.with_suffix(".log").read_text()[-2000:], file=sys.stderr)
        sys.exit(f"{name} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def true_pairs(corpus: Path, *, chinese: bool) -> tuple[list[tuple[int, int, str, float]], int]:
    """Each copy with its original, its kind and how alike they are; and the number of rows."""
    from duplicates_corpus import ORIGINAL
    from pyarrow import parquet

    table = parquet.read_table(corpus)
    texts, originals, kinds = (table[name].to_pylist() for name in ("text", "copy_of", "kind"))
    found = []
    for row, (original, kind) in enumerate(zip(originals, kinds, strict=True)):
        if kind != ORIGINAL:
            one, other = (shingle_set(texts[number], chinese=chinese) for number in (row, original))
            found.append((row, original, kind, len(one & other) / len(one | other)))
    return found, len(texts)


def shingle_set(text: str, *, chinese: bool) -> set[str]:
    """The shingles of a text, made in the plainest way."""
    if not chinese:
        return set(word_pairs(text))
    characters = "".join(WORD.findall(text))
    return {characters[place : place + 3] for place in range(len(characters) - 2)}


def judged(kept: set[int], rows: int, pairs: list[tuple[int, int, str, float]]) -> list[str]:
    """Recall by kind and similarity, and precision."""
    dropped = set(range(rows)) - kept
    classes: dict[str, list[bool]] = {"exact": [], ">= .8": [], ".7 to .8": []}
    right = set()
    for row, original, kind, similarity in pairs:
        found = row in dropped or original in dropped
        name = kind if kind in classes else ">= .8" if similarity >= 0.8 else ".7 to .8"
        if similarity >= THRESHOLD:
            classes[name].append(found)
            right |= {row, original}
    recall = [f"{sum(found) / len(found):.4f}" if found else "none" for found in classes.values()]
    return [*recall, f"{len(dropped & right) / max(1, len(dropped)):.4f}"]


def compare(corpus: Path, names: list[str], *, chinese: bool) -> None:
    """Prints a line for each contender.

    This process stays small until all have run, for the memory of a process counts from the one that began it.
    """
    used = {name: run(name, corpus, corpus.with_name(f"{name}.json")) for name in names}
    pairs, rows = true_pairs(corpus, chinese=chinese)
    print("| contender | documents in a CPU second | MB | exact | recall >= .8 | recall .7 to .8 | precision |")
    print("|---|---|---|---|---|---|---|")
    for name, (seconds, megabytes) in used.items():
        kept = {int(number) for number in json.loads(corpus.with_name(f"{name}.json").read_text())}
        figures = " | ".join(judged(kept, rows, pairs))
        print(f"| {name} | {rows / seconds:,.0f} | {megabytes:,.0f} | {figures} |")


def main() -> None:
    """Makes the corpus and runs the contenders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="?", type=int, default=50_000)
    parser.add_argument("--chinese", action="store_true")
    parser.add_argument("--only", default=",".join(CONTENDERS), help="contenders, with commas")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        corpus, options = Path(name, "corpus.parquet"), ["--chinese"] if arguments.chinese else []
        program = [sys.executable, str(HERE / "duplicates_corpus.py"), str(corpus), str(arguments.documents)]
        subprocess.run([*program, *options], check=True)
        compare(corpus, arguments.only.split(","), chinese=arguments.chinese)


if __name__ == "__main__":
    main()
