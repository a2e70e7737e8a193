"""Makes rows of records, as the options say."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from components.ingest.config import Config
from components.ingest.record import Record
from components.shared.errors import UserError
from components.shared.records import columns_of, defect
from components.shared.written_lists import names, pairs

LABEL_CHARS: Final = 40
_ROLES: Final = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}
"""Names of roles in the datasets of others."""


class Mapper:
    """Makes rows of records.

    Attributes:
        columns: The schema of the rows.
        wanted: The columns that a file must have.
    """

    def __init__(self, config: Config) -> None:
        self.task = config.task
        self.meta = names(config.meta_columns)
        self.columns = columns_of(config.task, self.meta)
        self.labels = pairs(config.label_map, "ingest.label_map")
        self.where = pairs(config.where, "ingest.where")
        self.places = self._places(config)
        self.wanted = tuple(dict.fromkeys((*self.places.values(), *self.meta, *self.where)))

    def selects(self, record: Record, place: Mapping[str, str]) -> bool:
        """Whether the record is one of those that `where` keeps."""
        return all(plain(_value(record.values, column, place)) == value for column, value in self.where.items())

    def row(self, record: Record, place: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        """The row of a record, and why it cannot be one (empty when it can).

        Args:
            record: The record.
            place: Columns that tell where it stands; those of its file come first.
        """
        if self.task == "classification" and (quick := self._quick_row(record.values)):
            return quick, ""
        row = {column: _value(record.values, name, place) for column, name in self.places.items()}
        for column in row.keys() & _SHAPES.keys():
            row[column] = _SHAPES[column](row[column])
        if self.meta:
            row["meta"] = {column: plain(_value(record.values, column, place)) for column in self.meta}
        reason = defect(self.task, row)
        return row, reason or self._rename_labels(row)

    def _rename_labels(self, row: dict[str, Any]) -> str:
        """Renames the label of a row, or its labels; says why that cannot be done."""
        own = [row["label"]] if "label" in row else row.get("labels", ())
        for label in own if self.labels else ():
            if label not in self.labels:
                return f"label {str(label)[:LABEL_CHARS]!r} is not in label_map"
        if self.labels and "label" in row:
            row["label"] = self.labels[row["label"]]
        elif self.labels and "labels" in row:
            row["labels"] = [self.labels[label] for label in own]
        return ""

    def _quick_row(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The row of an ordinary record, as `row` makes it; None for any other."""
        text, label = values.get(self.places["text"]), values.get(self.places["label"])
        if (
            type(text) is not str
            or type(label) is not str
            or not text.isascii()
            or text.isspace()
            or not text
            or self.meta
        ):
            return None
        label = label.strip()
        if self.labels:
            label = self.labels.get(label, "")
        return {"text": text, "label": label} if label and label.isascii() and label.lower() != "nan" else None

    def _places(self, config: Config) -> dict[str, str]:
        given = pairs(config.columns, "ingest.columns")
        known = [column for column in self.columns if column != "meta"]
        for column in given:
            if column not in known:
                raise UserError(
                    f"{self.task} has no column {column!r}", where="ingest.columns", remedy=f"use {', '.join(known)}"
                )
        preset = {"text": config.text_column, "label": config.label_column}
        return {column: given.get(column) or preset.get(column, column) for column in known}


def plain(value: Any) -> str:
    """A value as text, the same for a number whether a file format keeps it as 1, 1.0 or "1"."""
    if isinstance(value, str):
        return value.strip()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _value(values: Mapping[str, Any], name: str, place: Mapping[str, str]) -> Any:
    """The value of a column, or of a path such as `translation.en` into it."""
    if name in values:
        return values[name]
    first, _, rest = name.partition(".")
    if rest and isinstance(values.get(first), Mapping):
        return _value(values[first], rest, {})
    return place.get(name)


def _label(value: Any) -> Any:
    text = plain(value) if isinstance(value, str | int | float) else value
    return None if isinstance(text, str) and text.lower() in ("", "nan") else text


def _answers(value: Any) -> Any:
    """Answers as SQuAD or the hub write them: lists beside each other, or a list of objects."""
    value = _parsed(value)
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        starts = value.get("answer_start", value.get("start"))
        if not isinstance(starts, list) or len(starts) != len(value["text"]):
            return value
        return [{"text": text, "start": start} for text, start in zip(value["text"], starts, strict=True)]
    if isinstance(value, list):
        return [
            {"text": one.get("text"), "start": one.get("answer_start", one.get("start"))}
            if isinstance(one, dict)
            else one
            for one in value
        ]
    return value


def _messages(value: Any) -> Any:
    """Messages with `role` and `content`, or with `from` and `value`."""
    value = _parsed(value)
    if not isinstance(value, list):
        return value
    return [_message(one) if isinstance(one, dict) else one for one in value]


def _message(one: Mapping[str, Any]) -> dict[str, Any]:
    role = one.get("role", one.get("from"))
    return {
        "role": _ROLES.get(role, role) if isinstance(role, str) else role,
        "content": one.get("content", one.get("value")),
    }


def _parsed(value: Any) -> Any:
    """A list that a table holds as JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _labels(value: Any) -> Any:
    """Labels as a list, or in one text with commas."""
    value = _parsed(value)
    if isinstance(value, str):
        return [label.strip() for label in value.split(",") if label.strip()]
    return [_label(one) for one in value] if isinstance(value, list) else value


_SHAPES: Final = {"label": _label, "labels": _labels, "answers": _answers, "messages": _messages}
"""What is done to the values of some columns."""
