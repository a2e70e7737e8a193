"""Reads lines of JSON a block at a time with Arrow's parser, as far as it certainly reads what the strict one would.

What was read is written again; only when that gives the same bytes it is taken, since then it is what the strict parser
reads too, whatever Arrow's own view of JSON. So this is for lines of one form: the same keys in the same order with the
same spaces between them, and texts as values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from components.shared.canonical import escaped_texts

if TYPE_CHECKING:
    import pyarrow as pa

_SEPARATORS: Final = ((", ", ": "), (",", ":"))


class LineTables:
    """Lines of the form of an example.

    Args:
        values: What the example holds.
        line: The example.
    """

    def __init__(self, values: Mapping[str, Any], line: bytes) -> None:
        self._names = list(values)
        self._separators = next((one for one in _SEPARATORS if _written(values, one) == line), None)
        if not values or not all(isinstance(value, str) for value in values.values()):
            self._separators = None

    @property
    def active(self) -> bool:
        """Whether lines like the example can be read together."""
        return self._separators is not None

    def table(self, block: bytes) -> pa.Table | None:
        """The lines as a table; None when they have to be read one by one.

        Args:
            block: Whole lines.
        """
        import pyarrow as pa
        from pyarrow import json as arrow_json

        schema = pa.schema([(name, pa.string()) for name in self._names])
        try:
            table = arrow_json.read_json(
                pa.BufferReader(block),
                arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1),
                arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
            )
        except pa.ArrowInvalid:
            return None
        again = self._again(table.combine_chunks()) if len(table) else None
        return table if again is not None and again.equals(pa.py_buffer(block)) else None

    def _again(self, table: pa.Table) -> Any:
        """The lines of a table in the form of the example; None if a value cannot be written in it."""
        import pyarrow as pa
        from pyarrow import compute

        assert self._separators
        parts, (item, key) = [], self._separators
        for number, name in enumerate(self._names):
            column = table[name]
            texts = escaped_texts(column.chunk(0)) if column.num_chunks == 1 else None
            if texts is None:
                return None
            parts += [f'{item if number else "{"}{json.dumps(name, ensure_ascii=False)}{key}"', texts, '"']
        lines = compute.binary_join_element_wise(*parts, "}\n", "")
        try:
            lines.validate(full=True)
        except pa.ArrowInvalid:  # not UTF-8
            return None
        return lines.buffers()[2]


def _written(values: Mapping[str, Any], separators: tuple[str, str]) -> bytes:
    return (json.dumps(values, ensure_ascii=False, separators=separators) + "\n").encode("utf-8", "surrogatepass")
