"""What the global stage of a fanned-out cleaning reads from the store, against what the shares put there.

    python benchmarks/clean_fan_out.py [documents] [--near 10] [--shares 8]

The documents of duplicates_corpus.py (1.4 kB each, a tenth of them exact copies), with so many per cent of near copies,
are cleaned in shares, one process after the other, into a store in a directory. Then `clean` goes on with all of them,
in a process of its own; told are the bytes that it read of each kind of object, how many reads that took, its CPU time,
its memory and the largest size of its scratch directory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
WRITER = """
import sys
from pathlib import Path
import duplicates_corpus
from components.shared.datasets import DatasetWriter
directory, documents, near = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
directory.mkdir()
writer = DatasetWriter(directory, {"text": "string", "label": "string"})
for block in duplicates_corpus.blocks(documents):
    for row in block.to_pylist():
        if row["kind"] != duplicates_corpus.NEAR or int(row["id"]) % 10 < near:
            writer.write({"text": row["text"], "label": "ab"[int(row["id"]) % 2]})
writer.finish()
"""
METER = """
import json, sys, threading, time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from components.clean.config import Config
from components.clean.core import run
from components.shared import directory_store
place, Store, read, times, most = Path(sys.argv[1]), directory_store.DirectoryStore, Counter(), Counter(), 0
def metered(method, size_of):
    def call(store, key, *rest):
        name = key.split("/")[-1]
        read[name] += size_of(store, key, *rest)
        times[name] += 1
        return method(store, key, *rest)
    return call
Store.download = metered(Store.download, lambda store, key, path: store.size(key))
Store.get_range = metered(Store.get_range, lambda store, key, begin, size: size)
def watch():
    global most
    while True:
        size = 0
        for path in place.rglob(".cleaned.*scratch/*/*"):
            with suppress(FileNotFoundError):
                size += path.stat().st_blocks * 512
        most = max(most, size)
        time.sleep(0.2)
threading.Thread(target=watch, daemon=True).start()
places = {name: place / name for name in ("raw", "cleaned", "findings", "report")}
print(run(Config(task="classification", store=str(place / "store"), **places)).summary, file=sys.stderr)
print(json.dumps({"read": read, "times": times, "scratch": most}))
"""


def write(directory: Path, documents: int, near: int) -> None:
    """Writes a raw dataset, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE}:{HERE.parent}"}
    arguments = [str(directory), str(documents), str(near)]
    subprocess.run([sys.executable, "-c", WRITER, *arguments], check=True, env=environment)


def clean_share(place: Path, share: str) -> None:
    """Cleans a share into the store."""
    outputs = [f"--{name}={place / 'share' / name}" for name in ("cleaned", "findings", "report")]
    flags = [f"--raw={place / 'raw'}", "--task=classification", f"--store={place / 'store'}", f"--share={share}"]
    command = [sys.executable, "-m", "components.clean", *flags, *outputs]
    subprocess.run(command, cwd=HERE.parent, check=True, capture_output=True)


def go_on(place: Path) -> tuple[dict[str, dict[str, int]], float, float]:
    """What the global stage read; its CPU seconds, and its megabytes."""
    command = [sys.executable, "-c", METER, str(place)]
    with subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.PIPE) as process:
        assert process.stdout
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
    if status:
        sys.exit("the global stage failed")
    return json.loads(said), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", nargs="?", type=int, default=20_000)
    parser.add_argument("--near", type=int, default=10, choices=range(11))
    parser.add_argument("--shares", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write(place / "raw", given.documents, given.near)
        for number in range(given.shares):
            clean_share(place, f"{number + 1}/{given.shares}")
        stored: Counter[str] = Counter()
        for path in place.glob("store/cleanings/*/*"):
            stored[path.name] += path.stat().st_size
        told, cpu, memory = go_on(place)
    print("| object | MB in the store | MB read | reads |\n|---|---|---|---|")
    for name, size in stored.items():
        print(f"| {name} | {size / 1e6:.1f} | {told['read'].get(name, 0) / 1e6:.1f} | {told['times'].get(name, 0):,} |")
    print(f"{cpu:.1f} CPU seconds, {memory:.0f} MB, scratch {told['scratch'] / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
