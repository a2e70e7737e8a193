"""Files of shards: how they are written, and rows in those written before, of which only the ids need to be read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.shared.files import sha256_of

if TYPE_CHECKING:
    import pyarrow as pa

ID_BYTES: Final = 16
GROUP_ROWS: Final = 8192


def write_shard(table: pa.Table, path: Path) -> str:
    """Writes a table, whose columns are in one piece, and gives the sha256 of the file."""
    from pyarrow import parquet

    parquet.write_table(table, path, compression="zstd", row_group_size=GROUP_ROWS)
    return sha256_of(path)


def digests_of(table: pa.Table) -> bytes:
    """The ids of a table as bytes, one behind the other."""
    return bytes.fromhex("".join(table["id"].to_pylist()))


@dataclass(frozen=True)
class StoredRows:
    """Rows `begin` to `end` of a shard that `DatasetWriter` wrote, with the same schema and the same libraries.

    Attributes:
        path: Its file, which has been compared with its sha256 and which nobody changes.
        sha256: Of the file.
        rows: All rows of the shard.
        ends: Whether the shard ended because of the rows in it, and not because they were the last of their dataset.
        begin: Number of the first row, from 0.
        end: Number of the row behind the last one.
    """

    path: Path
    sha256: str
    rows: int
    ends: bool
    begin: int
    end: int

    @property
    def whole(self) -> bool:
        """Whether these are all rows of the shard."""
        return (self.begin, self.end) == (0, self.rows)

    def follows(self, other: StoredRows | None) -> bool:
        """Whether these rows stand in their shard behind others, or at its beginning if there are none."""
        return (other.sha256, other.end) == (self.sha256, self.begin) if other else self.begin == 0

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows, with some of their columns or all."""
        from pyarrow import parquet

        with parquet.ParquetFile(self.path, pre_buffer=False) as file:
            return file.read(columns).slice(self.begin, self.end - self.begin)

    def place(self, path: Path) -> None:
        """Puts the whole shard at a path where nothing is."""
        try:
            os.link(self.path, path)
        except OSError:  # on another file system, or on one without links
            shutil.copyfile(self.path, path)
