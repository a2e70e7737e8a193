"""Reading a source into canonical rows, beside polars that just reads it and writes it again.

    pip install polars==2.1.0
    python benchmarks/ingest_throughput.py [documents]

Both write Parquet with zstd; ours also checks every record, hashes every row and writes the manifest. Each contender
runs in a process of its own, in turns; what is compared is CPU time after a short first run, the best of three.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROUNDS: Final = 3
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
    started = time.process_time()
    run(Config(source_reference=reference, task="classification", raw=out / "raw", rejects=out / "rejects"))
print(time.process_time() - started)
"""
POLARS: Final = """
import sys, time
import polars
read = {".csv": polars.read_csv, ".jsonl": polars.read_ndjson, ".parquet": polars.read_parquet}
for source in sys.argv[:0:-2]:
    started = time.process_time()
    read[source[source.rindex("."):]](source).write_parquet(sys.argv[2] + "/out.parquet", compression="zstd")
print(time.process_time() - started)
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


def seconds(program: str, source: Path) -> float:
    """CPU seconds of one run."""
    with tempfile.TemporaryDirectory() as out:
        # A short source first, for what is imported or made ready only once.
        command = [sys.executable, "-c", program, str(source), out, str(source.with_stem("short"))]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Prints a line for each format."""
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), 500, "short")
        for source in write_corpus(Path(folder), documents):
            times = [(seconds(OURS, source), seconds(POLARS, source)) for _ in range(ROUNDS)]
            ours, polars = min(one for one, _ in times), min(other for _, other in times)
            megabytes = source.stat().st_size / 1e6
            print(
                f"{source.suffix[1:]:>8}  {megabytes:5.0f} MB  ours {ours:.2f} s  polars {polars:.2f} s  "
                f"{polars / ours:.0%} of its speed, {documents / ours:,.0f} documents per CPU second"
            )


if __name__ == "__main__":
    main()
