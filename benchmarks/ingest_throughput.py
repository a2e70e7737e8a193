"""Reading a source into canonical rows, beside polars that just reads it and writes it again.

    pip install polars==2.1.0
    python benchmarks/ingest_throughput.py [documents] [rounds]

Both write Parquet with zstd; ours also checks every record, hashes every row and writes the manifest. Each contender
runs in a process of its own, in turns, after a short first run. Neighbours on the machine make single figures lie, so
there are two comparisons: the best of each, and the median of the ratios of runs that followed each other.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROUNDS: Final = 7
WORDS: Final = 200
OURS: Final = """
import sys, time
from pathlib import Path
import pyarrow.csv, pyarrow.parquet
from components.ingest.config import Config
from components.ingest.core import run
from components.shared.references import pin_local
out = Path(sys.argv[2])
for source in sys.argv[:0:-2]:
    reference = str(pin_local(source, "source"))
    started, clock = time.process_time(), time.perf_counter()
    outputs = {name: out / name for name in ("raw", "evaluation_texts", "rejects")}
    run(Config(source_reference=reference, task="classification", **outputs))
print(time.process_time() - started, time.perf_counter() - clock)
"""
POLARS: Final = """
import sys, time
import polars
read = {".csv": polars.read_csv, ".jsonl": polars.read_ndjson, ".parquet": polars.read_parquet}
for source in sys.argv[:0:-2]:
    started, clock = time.process_time(), time.perf_counter()
    read[source[source.rindex("."):]](source).write_parquet(sys.argv[2] + "/out.parquet", compression="zstd")
print(time.process_time() - started, time.perf_counter() - clock)
"""


def write_corpus(folder: Path, documents: int, name: str = "corpus") -> list[Path]:
    """The same texts of about 1.4 kB as csv, jsonl and parquet."""
    import pyarrow as pa
    from pyarrow import parquet

    chance = random.Random(0)  # noqa: S311
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 10))) for _ in range(20_000)]
    texts = [" ".join(chance.choices(words, k=WORDS)) + ', "quoted".' for _ in range(documents)]
    table = pa.table({"text": texts, "label": [str(number % 3) for number in range(documents)]})
    places = [folder / f"{name}.{suffix}" for suffix in ("csv", "jsonl", "parquet")]
    quoted = (text.replace('"', '""') for text in texts)
    places[0].write_text("text,label\n" + "".join(f'"{text}",{n % 3}\n' for n, text in enumerate(quoted)))
    places[1].write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    parquet.write_table(table, places[2], compression="zstd")
    return places


def seconds(program: str, source: Path) -> tuple[float, float]:
    """CPU seconds of one run, and those on the clock."""
    with tempfile.TemporaryDirectory() as out:
        # A short source first, for what is imported or made ready only once.
        command = [sys.executable, "-c", program, str(source), out, str(source.with_stem("short"))]
        cpu, wall = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        return float(cpu), float(wall)


def compare(source: Path, documents: int, rounds: int) -> str:
    """A line with the times of both and their ratios."""
    pairs = [(seconds(OURS, source), seconds(POLARS, source)) for _ in range(rounds)]
    ours, polars = min(one[0] for one, _ in pairs), min(other[0] for _, other in pairs)
    median = statistics.median(other[0] / one[0] for one, other in pairs)
    walls = min(one[1] for one, _ in pairs), min(other[1] for _, other in pairs)
    return (
        f"{source.suffix[1:]:>8}  {source.stat().st_size / 1e6:5.0f} MB  ours {ours:.2f} s  polars {polars:.2f} s  "
        f"{polars / ours:.0%} of its speed by the best, {median:.0%} by the median of pairs, "
        f"{documents / ours:,.0f} documents per CPU second, on the clock {walls[0]:.2f} and {walls[1]:.2f} s"
    )


def main() -> None:
    """Prints a line for each format."""
    documents, rounds = ([int(text) for text in sys.argv[1:]] + [50_000, ROUNDS][len(sys.argv) - 1 :])[:2]
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), 500, "short")
        for source in write_corpus(Path(folder), documents):
            print(compare(source, documents, rounds), flush=True)


if __name__ == "__main__":
    main()
