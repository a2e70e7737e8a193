"""What of a row decides on its split besides its text: its group, its stratum, whether its place is fixed."""

from __future__ import annotations

import json
from array import array
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Generic, TypeVar

from components.shared.errors import UserError
from components.shared.manifest import Columns
from components.shared.texts import label_of
from components.split.config import Config, names, patterns

LABEL = "label"
Row = Mapping[str, Any]
T = TypeVar("T", bound=Hashable)


class Values(Generic[T]):
    """A value for each row, each different one held once; false when there are none.

    Attributes:
        codes: Each row's value, as a place among the different ones.
    """

    def __init__(self) -> None:
        self.codes = array("i")
        self._known: dict[T, int] = {}
        self._names: list[T] = []

    def __len__(self) -> int:
        return len(self.codes)

    def append(self, value: T) -> None:
        """Adds the value of the next row."""
        code = self._known.setdefault(value, len(self._names))
        if code == len(self._names):
            self._names.append(value)
        self.codes.append(code)

    def of(self, row: int, otherwise: T) -> T:
        """The value of a row, or what stands for it when there are none."""
        return self._names[self.codes[row]] if self.codes else otherwise

    def code(self, value: T) -> int:
        """The place of a value; -1 when no row has it."""
        return self._known.get(value, -1)


@dataclass(frozen=True)
class Deciding:
    """What decides on the rows besides their texts: the traits of all rows, but for those that no option asks for.

    Attributes:
        active: Whether anything besides the text decides.
    """

    active: bool = False
    groups: Values[bytes] = field(default_factory=Values)
    strata: Values[str] = field(default_factory=Values)
    labels: Values[str] = field(default_factory=Values)
    frozen: array[int] = field(default_factory=lambda: array("b"))


class Traits:
    """Reads the traits of rows.

    Raises:
        UserError: if an option names a column that the rows do not have.
    """

    def __init__(self, config: Config, columns: Columns) -> None:
        self.group_column = config.group_column
        self.strata = names(config.stratify)
        self.frozen_where = patterns(config.frozen_test)
        self.balanced = config.balance != "none"
        meta = tuple(columns.get("meta") or ())
        labels = [LABEL] if {"label", "labels"} & columns.keys() else []
        _require([self.group_column] if self.group_column else [], meta, "group_column")
        _require(self.strata, (*labels, *meta), "stratify")
        _require(self.frozen_where, meta, "frozen_test")
        if self.balanced and not labels:
            raise UserError(
                f"rows of the task {config.task} have no label", where="split.balance", remedy="leave it at none"
            )

    def read(self, rows: Iterable[Row]) -> Deciding:
        """The traits of all rows, which are not read when nothing but the text decides."""
        active = bool(self.group_column or self.strata or self.frozen_where)
        found = Deciding(active)
        for row in rows if active or self.balanced else ():
            if self.group_column:
                found.groups.append(self.group(row))
            if self.strata:
                found.strata.append(self.stratum(row))
            if self.frozen_where:
                found.frozen.append(self.frozen(row))
            if self.balanced:
                found.labels.append(label_of(row))
        return found

    def group(self, row: Row) -> bytes:
        """The identity of the row's group; empty when it has none."""
        value = row["meta"][self.group_column] if self.group_column else ""
        return json.dumps([self.group_column, value]).encode() if value else b""

    def stratum(self, row: Row) -> str:
        """The values that the splits are to hold in like shares."""
        if not self.strata:
            return ""
        return json.dumps([label_of(row) if name == LABEL else row["meta"][name] for name in self.strata])

    def frozen(self, row: Row) -> bool:
        """Whether the row is of the frozen test set."""
        where = self.frozen_where.items()
        return bool(where) and all(fnmatchcase(row["meta"][column], pattern) for column, pattern in where)


def _require(wanted: Iterable[str], there: tuple[str, ...], option: str) -> None:
    for column in wanted:
        if column not in there:
            raise UserError(
                f"the rows have no column {column!r}",
                where=f"split.{option}",
                remedy=f"use {', '.join(there) or 'none'}, or name it in ingest.meta_columns",
            )
