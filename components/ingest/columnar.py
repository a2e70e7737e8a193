"""Reads parquet and arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from components.ingest.record import TOO_LONG, Reading, Record, Together, require, require_once
from components.shared.errors import UserError

BATCH_ROWS: Final = 512
"""Few enough for texts of a page to stay in the processor's cache until they are hashed."""
_BATCH_BYTES: Final = 4 << 20
"""What the rows of a batch are to take at most; fewer are read at a time where they are long."""
_BUFFER: Final = 1 << 18
"""Bytes of a column that are read at a time; without it all of a group of rows are, however many these are."""


def read_parquet(path: Path, name: str, reading: Reading) -> Iterator[Record | Together]:
    """The rows of a Parquet file."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
            columns = _columns(file.schema_arrow.names, reading.wanted, name)
            rows = max(1, min(BATCH_ROWS, _BATCH_BYTES // _widest_row(path, file, columns)))
            yield from _tables(file.iter_batches(rows, columns=columns), reading.max_bytes)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(error, "Parquet", name) from error


def read_arrow(path: Path, name: str, reading: Reading) -> Iterator[Record | Together]:
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
            yield from _tables((_validated(batch.select(columns)) for batch in batches), reading.max_bytes)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(error, "Arrow", name) from error


def _columns(there: Sequence[str], wanted: Sequence[str], name: str) -> list[str]:
    nested = [column for column in wanted if column.partition(".")[0] in there]
    require([*there, *nested], wanted, name)
    require_once(there, wanted, name)
    if not wanted:
        return list(there)
    chosen = (column if column in there else column.partition(".")[0] for column in wanted)
    return list(dict.fromkeys(column for column in chosen if column in there))


def _validated(batch: Any) -> Any:
    """Offsets of a hostile file may lead anywhere in memory."""
    batch.validate(full=True)
    return batch


def _widest_row(path: Path, file: Any, columns: Sequence[str]) -> int:
    """Bytes of the widest row: of the mean one of a group, or of a text that stands once in the file for many rows."""
    from pyarrow import parquet

    names = [file.schema.column(place).path.partition(".")[0] for place in range(len(file.schema))]
    chosen = [place for place, name in enumerate(names) if name in columns]
    texts = [field.name for field in file.schema_arrow if field.name in columns and _is_text(field.type)]
    widest = 1
    with parquet.ParquetFile(path, read_dictionary=texts, pre_buffer=False, buffer_size=_BUFFER) as repeated:
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            size = sum([group.column(place).total_uncompressed_size for place in chosen])
            widest = max(widest, size // max(group.num_rows, 1))
            if texts and size > _BATCH_BYTES // BATCH_ROWS:
                first = next(repeated.iter_batches(1, row_groups=[number], columns=texts), None)
                widest = max(widest, *map(_longest, first.columns if first else ()))
    return widest


def _longest(column: Any) -> int:
    """Bytes of the longest value among those that a column names by number; 0 for any other column."""
    import pyarrow as pa
    from pyarrow import compute

    if not pa.types.is_dictionary(column.type) or not _is_text(column.type.value_type):
        return 0
    return int(compute.max(compute.binary_length(column.dictionary)).as_py() or 0)


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind))


def _tables(batches: Any, limit: int) -> Iterator[Record | Together]:
    number = 1
    for batch in batches:
        for begin in range(0, batch.num_rows, BATCH_ROWS):
            part = batch.slice(begin, BATCH_ROWS)
            yield from _bounded(part, number, limit)
            number += part.num_rows


def _bounded(part: Any, number: int, limit: int) -> Iterator[Record | Together]:
    """Rows together, as long as all of them are no longer than one may be; without those that are too long."""
    if part.nbytes + part.num_rows * sum(map(_longest, part.columns)) <= limit:
        yield Together(partial(_sound_table, part), partial(_records, part, number))
    elif part.num_rows > 1:
        half = part.num_rows // 2
        yield from _bounded(part.slice(0, half), number, limit)
        yield from _bounded(part.slice(half), number + half, limit)
    else:
        for record in _records(part, number):
            size = sum([len(str(value)) for value in record.values.values()])
            yield Record(number, {}, TOO_LONG) if size > limit else record


def _sound_table(batch: Any) -> Any:
    """The table of a batch; None where the file only says that its texts are UTF-8."""
    import pyarrow as pa

    try:
        return pa.Table.from_batches([_validated(batch)])
    except pa.ArrowInvalid:
        return None


def _records(batch: Any, number: int) -> Iterator[Record]:
    names = batch.schema.names
    columns = [_values(batch.column(place)) for place in range(len(names))]
    for line, values in enumerate(zip(*columns, strict=True), number):
        yield Record(line, dict(zip(names, values, strict=True)))


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_temporal(column.type):
        return [_time(scalar) for scalar in column]
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        if not _is_text(column.type):
            return [_undecoded(scalar) for scalar in column]
        encoded = column.cast(pa.large_binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "surrogateescape") for value in encoded]
    return values


def _undecoded(scalar: Any) -> Any:
    """A value with texts in it; a lone surrogate if one of them is not UTF-8."""
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return "\udcff"


def _time(scalar: Any) -> Any:
    """A time as Python has it, whether pandas is there or not; as a number if Python cannot hold it."""
    import pyarrow as pa

    if not scalar.is_valid:
        return None
    try:
        if pa.types.is_timestamp(scalar.type) and scalar.type.unit == "ns":
            if scalar.value % 1000:
                return str(scalar.cast(pa.string()))
            scalar = scalar.cast(pa.timestamp("us", scalar.type.tz))
        return scalar.as_py()
    except (OverflowError, ValueError):
        return scalar.value


def _unreadable(error: Exception, kind: str, name: str) -> Exception:
    if isinstance(error, OSError) and error.errno:
        return error
    what = str(error).partition("\n")[0]
    return UserError(f"cannot be read as {kind} ({what})", where=name, remedy="write the file again")
