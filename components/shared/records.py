"""The canonical record: which columns a task's rows have, and what makes a row valid."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.shared.errors import UserError

TASKS: Final[Mapping[str, Mapping[str, str]]] = {
    "classification": {"text": "string", "label": "string"},
}
"""Columns of each task, in their order. `meta` (a struct of strings) follows when a source names such columns."""

TEXT_COLUMN: Final = "text"


def columns_of(task: str, meta: Sequence[str] = ()) -> dict[str, Any]:
    """The schema of a task's dataset, without `id`.

    Args:
        task: A name of TASKS.
        meta: Names of further columns, kept as strings for slicing and grouping.
    """
    if task not in TASKS:
        raise UserError(f"{task!r} is not known", where="task", remedy=f"use one of: {', '.join(TASKS)}")
    columns: dict[str, Any] = dict(TASKS[task])
    if meta:
        columns["meta"] = dict.fromkeys(sorted(meta), "string")
    return columns


def defect(task: str, record: Mapping[str, Any]) -> str:
    """Why a record cannot be a row of the task, as a short fixed reason; empty when it can."""
    for column in TASKS[task]:
        value = record.get(column)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return f"{column} is missing"
        if not isinstance(value, str):
            return f"{column} is not a text"
        if not value.strip():
            return f"{column} is empty"
        if not value.isascii() and _has_surrogates(value):
            return f"{column} is not valid Unicode"
    return ""


def text_key(text: str) -> bytes:
    """Equal for texts that differ in case and white space only: 128 bits of BLAKE2b."""
    return hashlib.blake2b(" ".join(text.casefold().split()).encode(), digest_size=16).digest()


def _has_surrogates(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
