"""Mixes sources by weight: the largest dataset whose rows come from the sources in these shares, none of them twice.

Which rows of a source are taken is decided by their ids: a row that is taken stays so while its source grows and the
others keep pace.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.ingest.kept_writer import KeptWriter
from components.ingest.known_files import FileReading, KnownFiles
from components.shared.datasets import Dataset
from components.shared.manifest import Columns
from components.shared.shard_files import StoredRows

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Waiting:
    """A source whose rows wait to be chosen: its weight, the directory of its dataset and what orders its rows."""

    weight: float
    directory: Path
    keys: array[int]


class WaitingWriter:
    """Takes the rows of a source that has a weight."""

    def __init__(self, weight: float, directory: Path, columns: Columns, known: KnownFiles) -> None:
        directory.mkdir()
        self._writer = KeptWriter(directory, columns, known)
        self._waiting = Waiting(weight, directory, array("Q"))

    def write(self, row: dict[str, Any]) -> None:
        """Takes a row."""
        self._waiting.keys.append(_key(self._writer.write(row)))

    def write_table(self, table: pa.Table, sizes: Sequence[int]) -> None:
        """Takes the rows of a table."""
        self._waiting.keys.extend(map(_key, table["id"].to_pylist()))
        self._writer.write_table(table, sizes)

    def write_stored(self, rows: StoredRows) -> None:
        """Takes rows that lie in a shard."""
        self._waiting.keys.extend(map(_key, rows.table(["id"])["id"].to_pylist()))
        self._writer.write_stored(rows)

    def end_file(self, key: str, reading: FileReading) -> None:
        """Notes the end of a file."""
        self._writer.end_file(key, reading)

    def finish(self) -> Waiting:
        """Finishes the dataset."""
        self._writer.finish()
        return self._waiting


def mixed(sources: Sequence[Waiting]) -> Iterator[dict[str, Any]]:
    """The chosen rows of all sources, without ids, source by source in the order of their rows."""
    total = min(len(source.keys) / source.weight for source in sources)
    for source in sources:
        chosen = min(len(source.keys), round(total * source.weight))
        if not chosen:
            continue
        ordered = sorted(source.keys)
        last = ordered[chosen - 1]
        left = chosen - bisect_left(ordered, last)  # of the rows that are all the same
        for row in Dataset(source.directory).rows():
            key = _key(row.pop("id"))
            if key < last or (key == last and left > 0):
                left -= key == last
                yield row


def _key(row_id: str) -> int:
    # The first half of an id decides where shards end; choosing by it would choose shards.
    return int(row_id[16:], 16)
