"""What a second core is worth to `clean`: the whole step with its defaults by one process, and by two.

    python benchmarks/clean_cores.py 50000 120000 [--mixed]

The corpus is that of clean_scale.py, plain English, or the mixed one of clean_throughput.py. Wall time means
something on an idle machine only. So the CPU seconds are told too: those in which one process works alone (imports, the
search for duplicates, the output, the report) and those that are shared. Alone + shared / 2 is what two cores need at
best; how much quicker that is than one process is told.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import clean_throughput
from clean_scale import HERE, write

STEP: Final = """
import resource, sys, time
from pathlib import Path
started = time.monotonic()
from components.clean import core
from components.clean.config import Config
def seconds(who):
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime
def timed(*arguments):
    global own
    before = seconds(resource.RUSAGE_SELF)
    made = original(*arguments)
    own = seconds(resource.RUSAGE_SELF) - before
    return made
original, core.clean_shards = core.clean_shards, timed
if __name__ == "__main__":
    raw, out, processes, task = sys.argv[1:]
    outputs = {name: Path(out) / name for name in ("cleaned", "findings", "report")}
    core.run(Config(raw=Path(raw), task=task, processes=int(processes), **outputs))
    alone = seconds(resource.RUSAGE_SELF) - own
    print(time.monotonic() - started, alone, own + seconds(resource.RUSAGE_CHILDREN))
"""


def measured(raw: Path, place: Path, processes: int, task: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds alone and shared; one process gets one core."""
    program = place / "step.py"  # a file, for each process of the pool reads it
    program.write_text(STEP)
    cores = ["taskset", "--cpu-list", "0"] if processes == 1 else []
    done = subprocess.run(
        [*cores, sys.executable, program, raw, place, str(processes), task],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )
    wall, alone, shared = map(float, done.stdout.split())
    return wall, alone, shared


def main() -> None:
    """Prints a line for each number of documents and processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="*", type=int, default=[50_000])
    parser.add_argument("--mixed", action="store_true", help="markup, mojibake and two languages")
    given = parser.parse_args()
    task = "causal_lm" if given.mixed else "classification"  # the mixed texts have no labels
    print("| documents | processes | seconds | CPU seconds alone | shared | alone + shared / processes | quicker |")
    print("|---|---|---|---|---|---|---|")
    for documents in given.documents:
        with tempfile.TemporaryDirectory() as name:
            place, one = Path(name), 0.0
            if given.mixed:
                clean_throughput.write(clean_throughput.mixed(), documents, place / "raw")
            else:
                write(place / "raw", documents, 215)
            for processes in (1, 2):
                wall, alone, shared = measured(place / "raw", place, processes, task)
                least = alone + shared / processes
                one = one or least
                told = f"{wall:.1f} | {alone:.1f} | {shared:.1f} | {least:.1f} | {one / least:.2f}"
                print(f"| {documents:,} | {processes} | {told} |", flush=True)


if __name__ == "__main__":
    main()
