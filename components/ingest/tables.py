"""Makes rows of whole tables of records, as `mapper` makes them one by one; several times as fast.

Only where that gives the same for certain: texts without doubt, short columns of printable ASCII, nothing to reject.
For any other table it gives None, and its records are taken one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from components.ingest.mapper import Mapper

if TYPE_CHECKING:
    import pyarrow as pa

_PRINTABLE: Final = r"^[ -~]*$"


class TableMapper:
    """Makes rows of tables for classification.

    Args:
        mapper: Makes the rows of single records.
        schema: The schema of the rows, without ids.

    Attributes:
        active: Whether the task is classification.
    """

    def __init__(self, mapper: Mapper, schema: pa.Schema) -> None:
        self.mapper, self.schema = mapper, schema
        self.active = mapper.task == "classification"

    def rows(self, table: pa.Table, place: Mapping[str, str]) -> pa.Table | None:
        """The rows of a table that `where` keeps.

        Args:
            table: Records by column.
            place: Columns that tell where its records stand; those of the table come first.
        """
        import pyarrow as pa
        from pyarrow import compute

        if len(set(table.column_names)) < len(table.column_names):
            return None
        short = {name: self._short(table, name, place) for name in self._short_names()}
        if any(column is None for column in short.values()):
            return None
        for name, value in self.mapper.where.items():
            chosen = compute.equal(short[name], value)
            table, short = table.filter(chosen), {one: column.filter(chosen) for one, column in short.items()}
        text, label = self._text(table), self._label(short[self.mapper.places["label"]])
        if text is None or label is None:
            return None
        columns = {"text": text, "label": label}
        if self.mapper.meta:
            fields = list(self.schema.field("meta").type)
            columns["meta"] = pa.StructArray.from_arrays([short[field.name] for field in fields], fields=fields)
        return pa.Table.from_pydict(columns, schema=self.schema)

    def _short_names(self) -> set[str]:
        return {self.mapper.places["label"], *self.mapper.meta, *self.mapper.where}

    def _text(self, table: pa.Table) -> Any:
        """The texts, if each is one."""
        from pyarrow import compute

        column = _strings(table, self.mapper.places["text"])
        if column is None or column.null_count:
            return None
        blank = compute.or_(compute.utf8_is_space(column), compute.equal(column, ""))
        return None if compute.any(blank).as_py() else column

    def _short(self, table: pa.Table, name: str, place: Mapping[str, str]) -> Any:
        """A column of labels or for slices, without spaces around; None if its values may be read in another way."""
        import pyarrow as pa
        from pyarrow import compute

        if name not in table.column_names:
            found = place.get(name)
            return None if found is None or found != found.strip() else pa.array([found] * len(table), pa.string())
        number = pa.types.is_integer(table[name].type)
        column = table[name].combine_chunks().cast(pa.string()) if number else _strings(table, name)
        if column is None:
            return None
        column = compute.fill_null(column, "")
        if compute.all(compute.match_substring_regex(column, _PRINTABLE)).as_py() is False:
            return None
        return compute.utf8_trim(column, " ")

    def _label(self, column: Any) -> Any:
        """The labels, renamed; None if one of them is to be rejected."""
        import pyarrow as pa

        encoded = column.dictionary_encode()
        named = encoded.dictionary.to_pylist()
        if any(label.lower() in ("", "nan") for label in named):
            return None
        if self.mapper.labels:
            if any(label not in self.mapper.labels for label in named):
                return None
            named = [self.mapper.labels[label] for label in named]
        return pa.array(named, pa.string()).take(encoded.indices)


def _strings(table: pa.Table, name: str) -> Any:
    """A column of texts, in one piece; None for one of other values."""
    import pyarrow as pa

    if name not in table.column_names or not pa.types.is_string(table[name].type):
        return None
    return table[name].combine_chunks()
