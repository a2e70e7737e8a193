"""What was read of files before, kept in the object store: only new and changed files are read again.

readings/<key>/rows.parquet   the rows of a file with their ids, and the bytes of each in its canonical form
readings/<key>/found.json     what else was found, with the sha256 of the rows; written last

The key names the bytes of the file, its name, the options and the sources of this step. Any of it may be deleted at
any time; what is damaged or cannot be had is read again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components.ingest.config import Config
from components.ingest.rejects import Reject
from components.shared import datasets, manifest, records
from components.shared.errors import EvertuneError, UserError
from components.shared.files import sha256_of
from components.shared.objects import ObjectStore, open_store
from components.shared.options import OPTION, fields_of
from components.shared.source_files import SourceFile

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger("evertune.ingest")
PREFIX: Final = "readings"
FLUSHED_ROWS: Final = 4096
KEPT_REJECTS: Final = 10_000
"""A file with more rejected records is read each time; so many are not held in memory."""
_SIZE: Final = "size"
_ELSEWHERE: Final = ("max_reject_share", "max_source_gb", "allow_addresses", "evaluation_files")
"""Options that do not change what is read of a file that can be read."""


class FileReading:
    """What is read of one file.

    Attributes:
        rejects: Its rejected records, as many as are kept.
        left_out: Records that `where` left out.
        accepted: Its rows.
    """

    def __init__(self) -> None:
        self.rejects: list[Reject] = []
        self.left_out = self.accepted = 0

    def reject(self, reject: Reject) -> None:
        """Notes a rejected record."""
        if len(self.rejects) <= KEPT_REJECTS:
            self.rejects.append(reject)

    def to_json(self, rows_sha256: str) -> bytes:
        """The text of found.json."""
        return json.dumps({**vars(self), "rows_sha256": rows_sha256}, ensure_ascii=False).encode()

    @classmethod
    def of_json(cls, text: bytes) -> tuple[FileReading, str]:
        """What a found.json says, and the sha256 of the rows."""
        fields, made = json.loads(text), cls()
        made.left_out, made.accepted = int(fields["left_out"]), int(fields["accepted"])
        made.rejects = [Reject(*reject) for reject in fields["rejects"]]
        return made, str(fields["rows_sha256"])


class KnownFiles:
    """Finds and keeps what was read of files.

    Args:
        config: The configuration; without a store nothing is found or kept.
        columns: The schema of the rows.
        scratch: A directory for the rows of one file.
    """

    def __init__(self, config: Config, columns: manifest.Columns, scratch: Path) -> None:
        self.columns, self.rows_file = columns, scratch / "rows.parquet"
        self._store: ObjectStore | None = open_store(config.store) if config.store else None
        self._recipe = _recipe(config)

    def find(self, file: SourceFile, source: str) -> FileReading | None:
        """What was read of a file; its rows are then in `tables`. None if it has to be read."""
        if not self._store or file.defect:
            return None
        key = self._key(file, source)
        try:
            found = self._store.get(f"{key}/found.json")
            if found is None:
                return None
            reading, sha256 = FileReading.of_json(found)
            self._store.download(f"{key}/rows.parquet", self.rows_file)
            if sha256_of(self.rows_file) != sha256:
                raise UserError("the rows are damaged")
        except (EvertuneError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is read again: %s", file.name, error)
            return None
        return reading

    def tables(self) -> Iterator[tuple[pa.Table, list[int]]]:
        """The rows of the file that was found last, a few at a time, and their sizes."""
        import pyarrow as pa
        from pyarrow import parquet

        with parquet.ParquetFile(self.rows_file, pre_buffer=False) as kept:
            for batch in kept.iter_batches(datasets.READ_ROWS):
                table = pa.Table.from_batches([batch])
                yield table.drop_columns([_SIZE]), table[_SIZE].to_pylist()

    def recorder(self) -> Recorder | None:
        """What takes the rows of a file that is read; None if nothing is kept."""
        return Recorder(self.rows_file, self.columns) if self._store else None

    def keep(self, file: SourceFile, source: str, reading: FileReading) -> None:
        """Keeps what was read of a file whose rows a finished recorder took."""
        if not self._store or file.defect or len(reading.rejects) > KEPT_REJECTS:
            return
        key = self._key(file, source)
        try:
            self._store.upload(self.rows_file, f"{key}/rows.parquet")
            self._store.put(f"{key}/found.json", reading.to_json(sha256_of(self.rows_file)))
        except EvertuneError as error:
            log.warning("%s will be read again next time: %s", file.name, error)

    def _key(self, file: SourceFile, source: str) -> str:
        named = json.dumps([self._recipe, source, file.name, file.content])
        return f"{PREFIX}/{hashlib.sha256(named.encode()).hexdigest()[:40]}"


class Recorder:
    """Writes rows to a Parquet file, a few at a time in memory."""

    def __init__(self, path: Path, columns: manifest.Columns) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        self.columns, self._canonical = columns, datasets.canonical_form(columns)
        self._schema = datasets.arrow_schema(columns)
        self._writer = parquet.ParquetWriter(path, self._schema.append(pa.field(_SIZE, pa.int64())), compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def write(self, row: dict[str, Any]) -> None:
        """Takes a row."""
        self._rows.append(row)
        if len(self._rows) == FLUSHED_ROWS:
            self._flush()

    def write_table(self, table: pa.Table, sizes: Sequence[int]) -> None:
        """Takes the rows of a table, with their ids and sizes."""
        import pyarrow as pa

        self._flush()
        self._writer.write_table(table.append_column(_SIZE, pa.array(sizes, pa.int64())))

    def close(self) -> None:
        """Finishes the file."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        rows, self._rows = self._rows, []
        if rows:
            forms = [self._canonical(row) for row in rows]
            ids = [hashlib.blake2b(form, digest_size=16).hexdigest() for form in forms]
            columns = {name: [row[name] for row in rows] for name in self.columns}
            table = pa.Table.from_pydict({"id": ids, **columns}, schema=self._schema)
            self.write_table(table, [len(form) for form in forms])


def _recipe(config: Config) -> str:
    """Names all that decides what is read of a file besides its bytes."""
    options = {name: getattr(config, name) for name in fields_of(Config, OPTION) if name not in _ELSEWHERE}
    digest = hashlib.sha256(json.dumps([config.task, options], sort_keys=True).encode())
    sources = [path for path in sorted(Path(__file__).parent.glob("*.py")) if path.name != "component.py"]
    for path in (*sources, *(Path(str(module.__file__)) for module in (datasets, records))):
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
