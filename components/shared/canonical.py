"""Sizes of rows in canonical JSON, as `datasets.row_id` has it, for whole tables: each column escaped in Arrow.

Several times as fast as row by row; for tables of texts only (and structs of them), without nulls and rare characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final

from components.shared.manifest import Columns

if TYPE_CHECKING:
    import pyarrow as pa

_ESCAPED: Final = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))
"""What JSON escapes and texts often hold, the backslash first."""
_SIGNS: Final = {sign.encode()[0] for sign, _ in _ESCAPED}
_PLAIN: Final = bytes(byte for byte in range(0x20, 256) if byte not in _SIGNS)


def sizes_of(table: pa.Table, columns: Columns) -> list[int] | None:
    """The size of each row in canonical form.

    Args:
        table: Rows in one piece.
        columns: Their schema.

    Returns:
        None when a row has to be written by itself: see above.
    """
    from pyarrow import compute

    parts = _parts(table, columns)
    if parts is None:
        return None
    sizes: Any = sum(len(part.encode()) for part in parts if isinstance(part, str))
    for part in parts:
        if not isinstance(part, str):
            sizes = compute.add(sizes, compute.binary_length(part))
    found: list[int] = sizes.to_pylist()
    return found


def _parts(table: pa.Table, columns: Columns) -> list[Any] | None:
    parts = list(_object({name: table[name] for name in columns}, columns))
    return None if any(part is None for part in parts) else parts


def _object(values: Mapping[str, Any], columns: Mapping[str, Any]) -> Iterator[Any]:
    """Texts and arrays that make the objects when they are joined; None where that cannot be done."""
    yield "{"
    for number, name in enumerate(sorted(columns)):
        yield f"{',' if number else ''}{encode_basestring(name)}:"
        value = _in_one_piece(values[name])
        if isinstance(columns[name], Mapping) and not value.null_count:
            yield from _object({field: value.field(field) for field in columns[name]}, columns[name])
        elif columns[name] == "string":
            yield '"'
            yield _escaped_texts(value)
            yield '"'
        else:
            yield None
    yield "}"


def _escaped_texts(texts: Any) -> Any:
    """The texts as they stand in JSON; None if there is a null or a rare character among them."""
    from pyarrow import compute

    if texts.null_count:
        return None
    found = set(_texts_of(texts).translate(None, _PLAIN))
    if found - _SIGNS:
        return None
    made = texts
    for sign, escaped in _ESCAPED:
        if ord(sign) in found:
            made = compute.replace_substring(made, sign, escaped)
    return made


def _texts_of(texts: Any) -> bytes:
    """All texts of an array, one behind the other."""
    offsets = _offsets(texts)
    return bytes(memoryview(texts.buffers()[2] or b"")[offsets[0] : offsets[-1]]) if len(texts) else b""


def _offsets(texts: Any) -> list[int]:
    """Where each text begins in the data of an array, and where the last one ends."""
    whole = memoryview(texts.buffers()[1]).cast("i")
    return whole[texts.offset : texts.offset + len(texts) + 1].tolist()


def _in_one_piece(column: Any) -> Any:
    import pyarrow as pa

    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
