"""Reads and writes datasets: Parquet shards in row order, with a manifest (see `manifest`).

The `id` of a row is a hash of its other columns. A shard ends after a row whose id says so, not after
a number of rows, so that an edit or an append changes few shards.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from json.encoder import encode_basestring
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components.shared.manifest import Columns, Manifest, Shard, dataset_digest, read_manifest, write_manifest
from components.shared.shard_files import ID_BYTES, StoredRows, digests_of, write_shard

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]
ALL: Final = "all"
"""Name of the only split of a dataset that is not split yet."""
SHARD_ROWS: Final = 4096
"""Mean number of rows in a shard; a power of two."""
SHARD_BYTES: Final = 64 << 20
"""A shard ends at the latest after this many bytes of rows."""
READ_ROWS: Final = 1024
_NUMBERS: Final = struct.Struct(f">I{ID_BYTES - 4}x")
"""The beginning of an id, which tells whether a shard ends behind its row."""
SHORT_TEXT: Final = 100
_COMMON: Final = ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t"))
"""What JSON escapes and texts often hold, the backslash first."""
_NOT_RARE: Final = bytes(byte for byte in range(256) if byte >= 0x20 or byte in b"\n\r\t")


def row_id(row: Row, columns: Columns) -> str:
    """The content hash of a row: 128 bits of BLAKE2b over its columns as canonical JSON, as hex digits."""
    return hashlib.blake2b(canonical_form(columns)(row), digest_size=ID_BYTES).hexdigest()


class DatasetWriter:
    """Writes rows in order and finishes with the manifest.

    Args:
        directory: An existing, empty directory (see `files.staged_directory`).
        columns: The schema without `id`.
        splits: Names of the splits.
    """

    def __init__(self, directory: Path, columns: Columns, splits: Iterable[str] = (ALL,)) -> None:
        self.directory, self.columns = directory, dict(columns)
        self._schema, self._canonical = arrow_schema(self.columns), canonical_form(self.columns)
        self._buffers: dict[str, list[tuple[str, Row]]] = {split: [] for split in splits}
        self._tables: dict[str, list[pa.Table]] = {split: [] for split in self._buffers}
        self._bytes = dict.fromkeys(self._buffers, 0)
        self._shards: dict[str, list[Shard]] = {split: [] for split in self._buffers}
        self._ids: dict[str, list[bytes]] = {split: [] for split in self._buffers}
        self._stored: dict[str, StoredRows] = {}

    def write(self, row: Row, split: str = ALL) -> str:
        """Adds a row, whose `id` is computed here, and returns that id."""
        if split in self._stored:
            self._unpack(split)
        canonical = self._canonical(row)
        row_id = hashlib.blake2b(canonical, digest_size=ID_BYTES).hexdigest()
        self._buffers[split].append((row_id, row))
        if self._ends_shard(row_id, len(canonical), split):
            self._flush(split)
        return row_id

    def write_table(self, table: pa.Table, sizes: Sequence[int], split: str = ALL) -> None:
        """Adds rows that have their ids; the files are those that `write` makes of them.

        Args:
            table: The rows, with `id` before the columns of the schema.
            sizes: Bytes of each row in its canonical form.
            split: Where they belong.
        """
        self._unpack(split)
        self._settle(split)
        begin = 0
        for end in self._shard_ends(digests_of(table), sizes, split):
            self._tables[split].append(table.slice(begin, end - begin))
            self._flush(split)
            begin = end
        self._tables[split].append(table.slice(begin))
        self._bytes[split] += sum(sizes[begin:])

    def write_stored(self, rows: StoredRows, split: str = ALL) -> None:
        """Adds rows of a shard written before; where all of it comes together again, its file is taken as it is."""
        held = self._stored.get(split)
        if (held or not self._bytes[split]) and rows.follows(held):
            # From its beginning on, a shard ends where it ended before.
            self._stored[split] = rows = replace(rows, begin=0)
            if rows.whole and rows.ends:
                self._flush(split)
            return
        table = rows.table()
        self.write_table(table, self._sizes(table), split)

    def finish(self) -> Manifest:
        """Writes what is buffered and the manifest."""
        for split in self._buffers:
            self._flush(split, ends=False)
        manifest = Manifest(
            columns=self.columns,
            splits={split: tuple(shards) for split, shards in self._shards.items()},
            digest=dataset_digest(self.columns, self._ids),
        )
        write_manifest(self.directory, manifest)
        return manifest

    def _ends_shard(self, row_id: str, size: int, split: str) -> bool:
        """Counts a row; whether a shard ends behind it."""
        self._bytes[split] += size
        return int(row_id[:8], 16) % SHARD_ROWS == 0 or self._bytes[split] >= SHARD_BYTES

    def _shard_ends(self, ids: bytes, sizes: Sequence[int], split: str) -> list[int]:
        """Behind which of the next rows a shard ends."""
        held = self._bytes[split]
        numbers = [number % SHARD_ROWS for number, *_ in _NUMBERS.iter_unpack(ids)]
        if held + sum(sizes) < SHARD_BYTES:
            return [end for end, number in enumerate(numbers, 1) if not number]
        ends = []
        for end, (number, size) in enumerate(zip(numbers, sizes, strict=True), 1):
            held += size
            if not number or held >= SHARD_BYTES:
                ends.append(end)
                held = 0
        return ends

    def write_file(self, table: pa.Table, ids: bytes, path: Path) -> str:
        """Writes the rows of a shard, which have these ids, to a file; gives its sha256."""
        return write_shard(table, path)

    def shard_written(self, shard: Shard, *, ends: bool) -> None:
        """Is called behind each shard.

        Args:
            shard: The shard, whose file is in the directory.
            ends: Whether the rows in it decided where it ends, and not the end of the dataset.
        """

    def _flush(self, split: str, *, ends: bool = True) -> None:
        path = self.directory / f"{split}-{len(self._shards[split]):05d}.parquet"
        if split in self._stored and self._stored[split].whole:
            stored = self._stored.pop(split)
            stored.place(path)
            ids, sha256 = digests_of(stored.table(["id"])), stored.sha256
        else:
            table = self._taken(split)
            if not len(table):
                return
            ids = digests_of(table)
            sha256 = self.write_file(table, ids, path)
        shard = Shard(path.name, len(ids) // ID_BYTES, hashlib.sha256(ids).hexdigest(), sha256)
        self._ids[split].append(ids)
        self._shards[split].append(shard)
        self._bytes[split] = 0
        self.shard_written(shard, ends=ends)

    def _taken(self, split: str) -> pa.Table:
        """What waits for its shard, which waits no more."""
        import pyarrow as pa

        self._unpack(split)
        self._settle(split)
        tables, self._tables[split] = self._tables[split], []
        if len(tables) == 1 and all(column.num_chunks == 1 for column in tables[0].columns):
            return tables[0].cast(self._schema)  # which may name the values of lists in another way
        # In one piece, since the pages of a file depend on the pieces.
        return pa.concat_tables([self._schema.empty_table(), *tables]).combine_chunks()

    def _unpack(self, split: str) -> None:
        """Makes a table of the stored rows that wait: others follow than those that followed in their shard."""
        stored = self._stored.pop(split, None)
        if stored:
            table = stored.table()
            self._tables[split].append(table)
            self._bytes[split] += sum(self._sizes(table))

    def _sizes(self, table: pa.Table) -> list[int]:
        return [len(self._canonical(row)) for row in table.to_pylist()]

    def _settle(self, split: str) -> None:
        """Makes a table of the rows that wait, so that tables may follow."""
        import pyarrow as pa

        rows, self._buffers[split] = self._buffers[split], []
        if rows:
            columns = {name: [row[name] for _, row in rows] for name in self.columns}
            ids = [row_id for row_id, _ in rows]
            self._tables[split].append(pa.Table.from_pydict({"id": ids, **columns}, schema=self._schema))


class Dataset:
    """A finished dataset directory, opened for reading.

    Raises:
        UserError: if the directory has no valid manifest.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.manifest = read_manifest(directory)

    @property
    def columns(self) -> Columns:
        """The schema without `id`."""
        return self.manifest.columns

    def rows(self, split: str = ALL) -> Iterator[dict[str, Any]]:
        """The rows of a split in order, a few at a time in memory."""
        for table in self.tables(split):
            yield from table.to_pylist()

    def tables(self, split: str = ALL, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows of a split in order as tables of a few rows, with some of their columns or all."""
        import pyarrow as pa
        from pyarrow import parquet

        for shard in self.manifest.splits[split]:
            with parquet.ParquetFile(self.directory / shard.file) as file:
                for batch in file.iter_batches(READ_ROWS, columns=columns, use_threads=False):
                    yield pa.Table.from_batches([batch])

    def table(self, split: str = ALL) -> pa.Table:
        """A whole split as one Arrow table."""
        import pyarrow as pa
        from pyarrow import parquet

        tables = []
        for shard in self.manifest.splits[split]:  # `read_table` would import pandas first, if it is there
            with parquet.ParquetFile(self.directory / shard.file, memory_map=True) as file:
                tables.append(file.read())
        return pa.concat_tables(tables) if tables else arrow_schema(self.columns).empty_table()

    def recomputed_digest(self) -> str:
        """The dataset digest from the rows themselves, to compare with the manifest's."""
        ids = {
            split: (bytes.fromhex(row_id(row, self.columns)) for row in self.rows(split))
            for split in self.manifest.splits
        }
        return dataset_digest(self.columns, ids)


def arrow_schema(columns: Columns) -> pa.Schema:
    """The Arrow schema of a dataset: `id`, then the columns in their order."""
    import pyarrow as pa

    def arrow_type(column: Any) -> pa.DataType:
        if isinstance(column, Mapping):
            return pa.struct([pa.field(name, arrow_type(inner)) for name, inner in column.items()])
        if isinstance(column, list):
            return pa.list_(arrow_type(column[0]))
        return getattr(pa, column)()

    return pa.schema([pa.field("id", pa.string())] + [pa.field(n, arrow_type(c)) for n, c in columns.items()])


def canonical_form(columns: Columns) -> Callable[[Row], bytes]:
    """What gives the canonical JSON of rows: keys sorted, no spaces, no escapes but those that JSON needs."""
    encoder = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    def of_any(row: Row) -> bytes:
        return encoder.encode({name: row[name] for name in columns}).encode()

    if any(kind != "string" for kind in columns.values()):
        return of_any
    keys = [(f"{encode_basestring(name)}:".encode(), name) for name in sorted(columns)]

    def of_texts(row: Row) -> bytes:
        """The same for texts only, several times as fast."""
        try:
            return b"{" + b",".join([key + json_text(row[name]) for key, name in keys]) + b"}"
        except (AttributeError, TypeError):  # a value is missing
            return of_any(row)

    return of_texts


def json_text(text: str) -> bytes:
    """A text as JSON, what `encode_basestring` gives."""
    data = text.encode()
    if len(data) < SHORT_TEXT or data.translate(None, _NOT_RARE):
        return encode_basestring(text).encode()
    for sign, escaped in _COMMON:
        if sign in data:
            data = data.replace(sign, escaped)
    return b'"' + data + b'"'
