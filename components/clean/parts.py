"""A shard of the raw dataset, cleaned by itself into a directory of its own.

rows.parquet    the cleaned rows with their ids
marks.parquet   of each row: its id in the raw dataset, why it is dropped already, its label, its language, the key of
                its text, its length in characters, its size in bytes, hashes of its question and of its prompt (0 for
                none)
found.json      how many texts each operation changed, and the placeholders put in
shingles, sizes, checks, bands    see `signatures`

What is in it depends on the shard, the options and the code only. So parts can be made in any order, by any number of
processes, and used again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import parquet

from components.clean.distributions import LANGUAGE
from components.clean.languages import language_of
from components.clean.operations import Operations
from components.clean.signatures import SignatureWriter
from components.shared.datasets import READ_ROWS, arrow_schema, canonical_form
from components.shared.files import write_atomically
from components.shared.kept_texts import KEY_BYTES
from components.shared.manifest import Columns
from components.shared.records import text_key
from components.shared.texts import Row, alike_text, cleaned, compared_text, label_of, prompt_of, question_of

ROWS_FILE, MARKS_FILE, FOUND_FILE = "rows.parquet", "marks.parquet", "found.json"
CHANGED, PERSONAL = "changed", "personal"
_MARKS: Final = pa.schema(
    [
        ("raw_id", pa.string()),
        ("reason", pa.string()),
        ("label", pa.string()),
        (LANGUAGE, pa.string()),
        ("key", pa.binary(KEY_BYTES)),
        ("chars", pa.int32()),
        ("size", pa.int32()),
        ("question", pa.uint32()),
        ("prompt", pa.uint64()),
    ]
)


def clean_shard(operations: Operations, shard: Path, columns: Columns, directory: Path) -> None:
    """Cleans a shard into an existing, empty directory."""
    before, writer = [Counter(counter) for counter in _counters(operations)], _PartWriter(directory, columns)
    with parquet.ParquetFile(shard) as file:
        for batch in file.iter_batches(READ_ROWS):
            writer.add([_Cleaned(row, operations, writer.canonical) for row in batch.to_pylist()])
    # Counters that are 0 are told too.
    found = [
        {name: count - earlier[name] for name, count in counter.items()}
        for counter, earlier in zip(_counters(operations), before, strict=True)
    ]
    writer.finish(dict(zip((CHANGED, PERSONAL), found, strict=True)))


def _counters(operations: Operations) -> tuple[Counter[str], Counter[str]]:
    return operations.changed, operations.personal


class _Cleaned:
    """A cleaned row and what is known of it."""

    def __init__(self, raw: Row, operations: Operations, canonical: Any) -> None:
        row = cleaned(raw, operations.clean, operations.again)
        self.text, form = compared_text(row), canonical(row)
        self.row = {**row, "id": hashlib.blake2b(form, digest_size=KEY_BYTES).hexdigest()}
        self.reason = operations.defect(row)
        told = (raw["id"], self.reason, label_of(row), language_of(self.text))
        hashes = _hash(question_of(row), 4), _hash(prompt_of(row), 8)
        self.marks = (*told, text_key(self.text), len(self.text), len(form), *hashes)


class _PartWriter:
    def __init__(self, directory: Path, columns: Columns) -> None:
        self.directory, self.canonical = directory, canonical_form(columns)
        self._schema, self._marks = arrow_schema(columns), [_MARKS.empty_table()]
        self._rows = parquet.ParquetWriter(directory / ROWS_FILE, self._schema, compression="zstd")
        self._signatures = SignatureWriter(directory)

    def add(self, rows: Sequence[_Cleaned]) -> None:
        self._rows.write_table(pa.Table.from_pylist([row.row for row in rows], schema=self._schema))
        marks = zip(*(row.marks for row in rows), strict=True)
        self._marks.append(pa.table([list(column) for column in marks], schema=_MARKS))
        self._signatures.add(["" if row.reason else alike_text(row.row) for row in rows])

    def finish(self, found: Mapping[str, Mapping[str, int]]) -> None:
        self._rows.close()
        parquet.write_table(pa.concat_tables(self._marks), self.directory / MARKS_FILE, compression="zstd")
        self._signatures.finish()
        write_atomically(self.directory / FOUND_FILE, json.dumps(found).encode())


class Marks:
    """What is known of all rows of some parts, as arrays.

    Attributes:
        labels: Each row's label, as a place in `label_names`.
        reasons: Why a row is dropped already, as a place in `reason_names`; 0 for the others.
        chars: Length of each row's text.
        changed: Texts that each operation changed.
        personal: Placeholders put in, by kind.
    """

    def __init__(self, parts: Sequence[Path]) -> None:
        self.parts = parts
        self.label_names: list[str] = []
        self.reason_names: list[str] = [""]
        self.changed: Counter[str] = Counter()
        self.personal: Counter[str] = Counter()
        rows = sum(parquet.read_metadata(part / MARKS_FILE).num_rows for part in parts)
        self._keys = np.empty((rows, 2), np.uint64)
        self.labels, self.reasons = np.empty(rows, np.int32), np.empty(rows, np.uint8)
        self.chars, end = np.empty(rows, np.int32), 0
        for part in parts:
            end = self._read(part, end)
        self.personal = +self.personal

    def _read(self, part: Path, begin: int) -> int:
        """Takes the marks of a part, whose rows begin at a number; gives the number of the next part's."""
        table = _marks_of(part, ["reason", "label", "key", "chars"])
        rows = slice(begin, begin + len(table))
        self._keys[rows] = _keys(table["key"])
        self.labels[rows] = _codes(table["label"], self.label_names)
        self.reasons[rows] = _codes(table["reason"], self.reason_names)
        self.chars[rows] = table["chars"].to_numpy()
        found = json.loads((part / FOUND_FILE).read_bytes())
        self.changed.update(found[CHANGED])
        self.personal.update(found[PERSONAL])
        return rows.stop

    def take_keys(self) -> npt.NDArray[np.uint64]:
        """The key of each row's text, as two numbers; they are given away, since they are large."""
        keys, self._keys = self._keys, np.empty((0, 2), np.uint64)
        return keys

    def questions(self) -> npt.NDArray[np.uint32] | None:
        """A hash of each row's question; None if there are no questions."""
        found = np.concatenate([np.empty(0, np.uint32), *self._columns("question")])
        return found if found.any() else None

    def prompts(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]:
        """The numbers of the rows that have a prompt, and its hash for each."""
        rows, hashes, begin = [np.empty(0, np.int64)], [np.empty(0, np.uint64)], 0
        for part in self._columns("prompt"):
            there = np.flatnonzero(part)
            rows.append(there + begin)
            hashes.append(part[there])
            begin += len(part)
        return np.concatenate(rows), np.concatenate(hashes)

    def _columns(self, name: str) -> Iterator[npt.NDArray[Any]]:
        for part in self.parts:
            yield _marks_of(part, [name])[name].to_numpy()


def part_rows(part: Path) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The rows of a part and their marks, some at a time."""
    marks, begin = _marks_of(part), 0
    with parquet.ParquetFile(part / ROWS_FILE) as file:
        for batch in file.iter_batches(READ_ROWS * 4, use_threads=False):
            yield pa.Table.from_batches([batch]), marks.slice(begin, len(batch))
            begin += len(batch)


def _marks_of(part: Path, columns: Sequence[str] | None = None) -> pa.Table:
    with parquet.ParquetFile(part / MARKS_FILE) as file:
        return file.read(columns, use_threads=False)


def _hash(text: str, size: int) -> int:
    return int.from_bytes(text_key(text)[:size], "big") if text else 0


def _keys(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    parts = [np.empty((0, 2), np.uint64)]
    for chunk in column.chunks:
        begin = chunk.offset * KEY_BYTES
        data = chunk.buffers()[1][begin : begin + len(chunk) * KEY_BYTES]
        parts.append(np.frombuffer(data, np.uint64).reshape(-1, 2))
    return np.concatenate(parts)


def _codes(column: pa.ChunkedArray, names: list[str]) -> npt.NDArray[np.int64]:
    """For each value its place in `names`, to which new ones are added."""
    places = {name: place for place, name in enumerate(names)}
    encoded = column.combine_chunks().dictionary_encode()
    table = [places.setdefault(name, len(places)) for name in encoded.dictionary.to_pylist()]
    names[:] = places
    codes: npt.NDArray[np.int64] = np.array(table, np.int64)[encoded.indices.to_numpy()]
    return codes
