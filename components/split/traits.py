"""What of a row decides on its split besides its text: its group, its stratum, whether its place is fixed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from components.shared.errors import UserError
from components.shared.manifest import Columns
from components.shared.texts import label_of
from components.split.config import Config, names, patterns

LABEL = "label"
Row = Mapping[str, Any]


class Traits:
    """Reads the traits of rows.

    Attributes:
        active: Whether anything besides the text decides.

    Raises:
        UserError: if an option names a column that the rows do not have.
    """

    def __init__(self, config: Config, columns: Columns) -> None:
        self.group_column = config.group_column
        self.strata = names(config.stratify)
        self.frozen_where = patterns(config.frozen_test)
        self.active = bool(self.group_column or self.strata or self.frozen_where)
        meta = tuple(columns.get("meta") or ())
        labels = [LABEL] if {"label", "labels"} & columns.keys() else []
        _require([self.group_column] if self.group_column else [], meta, "group_column")
        _require(self.strata, (*labels, *meta), "stratify")
        _require(self.frozen_where, meta, "frozen_test")
        if config.balance != "none" and not labels:
            raise UserError(
                f"rows of the task {config.task} have no label", where="split.balance", remedy="leave it at none"
            )

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
