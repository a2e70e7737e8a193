"""Memory and CPU time of the search for duplicates alone, which looks at all rows together.

    python benchmarks/duplicates_memory.py 5000000

The parts are not made of texts: random marks and signatures of six shingles for each row stand in for what `clean`
would have written, a tenth of them copies of others.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from components.clean.config import Config
from components.clean.duplicates import Duplicates
from components.clean.minhash import BANDS
from components.clean.parts import FOUND_FILE, MARKS_FILE, Marks
from components.clean.signatures import BANDS_FILE, SHINGLES, SIZES, SignatureIndex

PART_ROWS = 1 << 15
SHINGLES_OF_A_ROW = 6


def write_part(part: Path, rows: int, chance: np.random.Generator) -> None:
    """Writes a part whose last tenth is like its first; of half of these the texts are the same."""
    part.mkdir()
    copies = rows // 10
    shingles = np.sort(chance.integers(0, 1 << 32, (rows, SHINGLES_OF_A_ROW), np.uint32), axis=1)
    bands = chance.integers(0, 1 << 32, (BANDS, rows), np.uint32)
    keys = chance.bytes(16 * rows)
    shingles[rows - copies :], bands[:, rows - copies :] = shingles[:copies], bands[:, :copies]
    keys = keys[: 16 * (rows - copies // 2)] + keys[: 16 * (copies // 2)]
    shingles.tofile(part / SHINGLES)
    np.full(rows, SHINGLES_OF_A_ROW, np.uint32).tofile(part / SIZES)
    bands.tofile(part / BANDS_FILE)
    key = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), rows, [None, pa.py_buffer(keys)])
    table = {"reason": [""] * rows, "label": ["a"] * rows, "key": key, "chars": np.full(rows, 50, np.int32)}
    table |= {"question": np.zeros(rows, np.uint32), "prompt": np.zeros(rows, np.uint64)}
    parquet.write_table(pa.table(table), part / MARKS_FILE)
    (part / FOUND_FILE).write_text('{"changed": {}, "personal": {}}')


def megabytes() -> float:
    """The largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Prints what it took."""
    rows, chance = int(sys.argv[1]), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        scratch, parts = Path(name), []
        for begin in range(0, rows, PART_ROWS):
            parts.append(scratch / f"part-{begin}")
            write_part(parts[-1], min(PART_ROWS, rows - begin), chance)
        before, started = megabytes(), time.process_time()
        outputs = {name: scratch / name for name in ("raw", "cleaned", "findings", "report")}
        duplicates = Duplicates(Config(task="classification", **outputs), Marks(parts), SignatureIndex(parts), scratch)
        duplicates.decide()
        duplicates.ties()
        dropped, seconds = int((duplicates.reasons != 0).sum()), time.process_time() - started
    print(f"{rows:,} rows, {dropped:,} dropped: {seconds:.1f} CPU s, {megabytes():,.0f} MB ({before:,.0f} before)")


if __name__ == "__main__":
    main()
