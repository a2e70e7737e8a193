"""Reads parquet and arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from components.ingest.record import Reading, Record, Together, require
from components.shared.errors import UserError

BATCH_ROWS: Final = 1024


def read_parquet(path: Path, name: str, reading: Reading) -> Iterator[Together]:
    """The rows of a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            columns = _columns(file.schema_arrow.names, reading.wanted, name)
            yield from _tables(file.iter_batches(BATCH_ROWS, columns=columns))
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(error, "Parquet", name) from error


def read_arrow(path: Path, name: str, reading: Reading) -> Iterator[Together]:
    """The rows of an Arrow file or stream, as `datasets` and Feather write them."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source:
            is_file = source.read(6) == b"ARROW1"
            source.seek(0)
            if is_file:
                file = pa.ipc.open_file(source)
                batches = (file.get_batch(number) for number in range(file.num_record_batches))
            else:
                file = batches = pa.ipc.open_stream(source)
            columns = _columns(file.schema.names, reading.wanted, name)
            yield from _tables(_validated(batch.select(columns)) for batch in batches)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(error, "Arrow", name) from error


def _columns(there: Sequence[str], wanted: Sequence[str], name: str) -> list[str]:
    nested = [column for column in wanted if column.partition(".")[0] in there]
    require([*there, *nested], wanted, name)
    chosen = (column if column in there else column.partition(".")[0] for column in wanted)
    return list(dict.fromkeys(column for column in chosen if column in there))


def _validated(batch: Any) -> Any:
    """Offsets of a hostile file may lead anywhere in memory."""
    batch.validate(full=True)
    return batch


def _tables(batches: Any) -> Iterator[Together]:
    import pyarrow as pa

    number = 1
    for batch in batches:
        for begin in range(0, batch.num_rows, BATCH_ROWS):
            part = batch.slice(begin, BATCH_ROWS)
            yield Together(partial(pa.Table.from_batches, [part]), partial(_records, part, number))
            number += part.num_rows


def _records(batch: Any, number: int) -> Iterator[Record]:
    names = batch.schema.names
    columns = [_values(batch.column(place)) for place in range(len(names))]
    for line, values in enumerate(zip(*columns, strict=True), number):
        yield Record(line, dict(zip(names, values, strict=True)))


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        encoded = column.cast(pa.large_binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "surrogateescape") for value in encoded]
    return values


def _unreadable(error: Exception, kind: str, name: str) -> Exception:
    if isinstance(error, OSError) and error.errno:
        return error
    what = str(error).partition("\n")[0]
    return UserError(f"cannot be read as {kind} ({what})", where=name, remedy="write the file again")
