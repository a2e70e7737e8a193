"""Splitting at scale: CPU time and memory by the number of documents, of this version or of another one.

    python benchmarks/split_scale.py 50000 250000 [--words 30] [--memory_mb 1024] [--place DIRECTORY] [--code CHECKOUT]

Documents of `--words` words are cleaned with the defaults and 1,024 MB, as in clean_scale.py, then split. With
`--place` the cleaned datasets stay in that directory, and are taken from there the next time. Printed are seconds by
the clock, CPU seconds, the largest resident set and, from the second number of documents on, bytes for a further row.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clean_scale import HERE, clean, write


def cleaned(place: Path, documents: int, words: int) -> Path:
    """The directory with a cleaned dataset of so many documents and its findings; it is made unless it is there."""
    there = place / f"{documents}-{words}"
    if not (there / "report").exists():
        there.mkdir(parents=True, exist_ok=True)
        write(there / "raw", documents, words)
        wall, cpu, together, _ = clean(there / "raw", there, ["--processes=2", "--memory_mb=1024"])
        print(f"clean: {wall:,.0f} s, {cpu:,.0f} CPU s, {together:,.0f} MB together", file=sys.stderr)
        shutil.rmtree(there / "raw")
        shutil.rmtree(there / "store", ignore_errors=True)
    return there


def split(there: Path, code: Path, options: list[str]) -> tuple[float, float, float]:
    """Seconds, CPU seconds and the largest resident set in MiB of a split."""
    with tempfile.TemporaryDirectory(dir=there) as name:
        outputs = [f"--{output}={Path(name, output)}" for output in ("splits", "card", "report")]
        inputs = [f"--cleaned={there / 'cleaned'}", f"--findings={there / 'findings'}", "--task=classification"]
        command, started = [sys.executable, "-m", "components.split", *inputs, *outputs, *options], time.monotonic()
        with Path(name, "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=code, stdout=log, stderr=log)
            _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(Path(name, "log").read_text())
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Prints a line for each number of documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="+", type=int)
    parser.add_argument("--words", type=int, default=30)
    parser.add_argument("--memory_mb", type=int, help="that option of split")
    parser.add_argument("--place", type=Path)
    parser.add_argument("--code", type=Path, default=HERE.parent)
    given = parser.parse_args()
    options = [f"--memory_mb={given.memory_mb}"] if given.memory_mb else []
    print(
        "| documents | rows | seconds | CPU seconds | MB | bytes for a further row |\n|---|---|---|---|---|---|",
        flush=True,
    )
    before: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as temporary:
        for documents in given.documents:
            there = cleaned(given.place or Path(temporary), documents, given.words)
            rows = json.loads((there / "findings" / "counts.json").read_text())["rows_out"]
            wall, cpu, most = split(there, given.code, options)
            more = f"{(most - before[1]) * 2**20 / (rows - before[0]):.0f}" if before else ""
            print(f"| {documents:,} | {rows:,} | {wall:.1f} | {cpu:.1f} | {most:,.0f} | {more} |", flush=True)
            before = before or (rows, most)


if __name__ == "__main__":
    main()
