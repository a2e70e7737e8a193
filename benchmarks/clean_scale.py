"""Cleaning at scale: CPU time and memory by the number of documents, and what a run after an append costs.

    python benchmarks/clean_scale.py 50000 500000 [--words 215] [--processes 2] [--memory_mb 2048] [--append 1]

For each number the corpus of duplicates_corpus.py is written as a raw dataset (texts of so many words; 215 make
1.4 kB), and cleaned by `python -m components.clean` with its default operations and a store in a directory. Then
`--append` per cent more documents are appended and it is cleaned again, unless it is 0. Told are the CPU seconds of all
its processes, the largest memory that they took together (their resident sets added up, looked at ten times a second)
and that of the largest one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
WRITER = """
import sys
from pathlib import Path
import duplicates_corpus
from components.shared.datasets import DatasetWriter
directory, documents, duplicates_corpus.WORDS = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
directory.mkdir()
writer = DatasetWriter(directory, {"text": "string", "label": "string"})
for block in duplicates_corpus.blocks(documents):
    for text, number in zip(block["text"].to_pylist(), block["id"].to_pylist(), strict=True):
        writer.write({"text": text, "label": "ab"[int(number) % 2]})
writer.finish()
"""


def write(directory: Path, documents: int, words: int) -> None:
    """Writes a raw dataset, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}"}
    arguments = [str(directory), str(documents), str(words)]
    subprocess.run([sys.executable, "-c", WRITER, *arguments], check=True, env=environment)


def clean(raw: Path, place: Path, options: list[str]) -> tuple[float, float, float, float]:
    """Wall and CPU seconds, and megabytes of all processes and of the largest."""
    outputs = [f"--{name}={place / name}" for name in ("cleaned", "findings", "report")]
    command = [sys.executable, "-m", "components.clean", f"--raw={raw}", "--task=classification"]
    started, together = time.monotonic(), 0.0
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--store={place / 'store'}", *outputs, *options], cwd=HERE.parent, stdout=log, stderr=log
        )
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            together = max(together, sum(map(resident, (process.pid, *children(process.pid)))))
            time.sleep(0.1)
    if status:
        sys.exit((place / "log").read_text())
    print((place / "log").read_text().strip().splitlines()[-1], file=sys.stderr)
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, together, usage.ru_maxrss / 1024


def children(pid: int) -> list[int]:
    """The processes that a process began."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def resident(pid: int) -> float:
    """Megabytes that a process has in memory."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, IndexError):
        return 0.0


def main() -> None:
    """Prints two lines for each number of documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="+", type=int)
    parser.add_argument("--words", type=int, default=215)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--memory_mb", type=int, default=2048)
    parser.add_argument("--append", type=float, default=1.0)
    given = parser.parse_args()
    options = [f"--processes={given.processes}", f"--memory_mb={given.memory_mb}"]
    print("| documents | run | seconds | CPU seconds | documents in a CPU second | MB together | MB of the largest |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for documents in given.documents:
        with tempfile.TemporaryDirectory() as name:
            appended = documents + max(1, round(documents * given.append / 100))
            runs = [("first", documents), (f"{given.append:g} % appended", appended)]
            for run, count in runs if given.append else runs[:1]:
                write(Path(name, run), count, given.words)
                wall, cpu, together, largest = clean(Path(name, run), Path(name), options)
                figures = f"{wall:,.0f} | {cpu:,.0f} | {count / cpu:,.0f} | {together:,.0f} | {largest:,.0f}"
                print(f"| {count:,} | {run} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
