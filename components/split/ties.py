"""Which earlier rows each row must stay with: those that `clean` found alike, and those of its group."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.split.cleaned_rows import CleanedRows
from components.split.traits import Deciding

_UNSEEN: Final = -1
Rows = npt.NDArray[np.integer]
"""Numbers of rows."""


@dataclass(frozen=True)
class Ties:
    """What rows are tied to.

    Attributes:
        alike: Earlier rows that rows are like.
        firsts: For each row the first one that is the same in some way, perhaps itself: an array for each way.
    """

    alike: Mapping[int, Sequence[int]]
    firsts: Sequence[Rows] = ()

    def of(self, row: int) -> list[int]:
        """The earlier rows that a row is tied to."""
        return [*self.alike.get(row, ()), *(int(first[row]) for first in self.firsts if first[row] != row)]

    def rows(self) -> Rows:
        """The rows that are tied to earlier ones, ascending."""
        found = np.fromiter(self.alike, np.int64, len(self.alike))
        return np.unique(np.concatenate([found, *(np.flatnonzero(_follows(first)) for first in self.firsts)]))


def ties_of(cleaned: CleanedRows, clusters: Iterable[Sequence[str]], deciding: Deciding) -> Ties:
    """The ties of all rows.

    Args:
        cleaned: The rows.
        clusters: Lists of ids that must stay together: earlier rows, then the one that is like them.
        deciding: Tells the groups.
    """
    firsts: list[Rows] = []
    repeated = _repeated(cleaned.keys)
    if len(repeated):  # drawn alike, but one may be tied to other rows, or have another group or stratum
        firsts.append(np.arange(len(cleaned.keys), dtype=np.int32))
        firsts[0][repeated] = repeated[_first_with(cleaned.keys[repeated])]
    if deciding.groups:
        groups = np.array(deciding.groups.codes)
        firsts.append(np.where(groups == deciding.groups.code(b""), np.arange(len(groups)), _first_with(groups)))
    return Ties(_alike(cleaned, clusters), firsts)


def whole_clusters(ties: Ties, rows: int) -> Ties:
    """Ties each row to the first of all that it is tied to, directly or through others, also later ones.

    Args:
        ties: The ties of the rows.
        rows: How many rows there are.
    """
    parent = array("i", range(rows))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for row in ties.rows().tolist():
        roots = sorted({root(other) for other in (*ties.of(row), row)})
        for other in roots[1:]:
            parent[other] = roots[0]
    return Ties({}, [np.fromiter(map(root, range(rows)), np.int32, rows)])


def _alike(cleaned: CleanedRows, clusters: Iterable[Sequence[str]]) -> dict[int, list[int]]:
    alike: dict[str, list[str]] = {}
    for *earlier, later in clusters:
        alike.setdefault(later, []).extend(earlier)
    number_of = dict.fromkeys(chain(alike, *alike.values()), _UNSEEN)
    found: dict[int, list[int]] = {}
    for number, row_id in cleaned.numbers(number_of):
        if tied := [number_of[other] for other in alike.get(row_id, ()) if number_of[other] != _UNSEEN]:
            found[number] = tied
        if number_of[row_id] == _UNSEEN:
            number_of[row_id] = number
    return found


def _repeated(keys: npt.NDArray[np.void]) -> Rows:
    """Rows whose keys may be equal, told by their first halves: which takes a tenth of the time of comparing all."""
    halves = keys.view(np.uint64).reshape(len(keys), -1)[:, 0]
    ordered = np.sort(halves)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.flatnonzero(np.isin(halves, again)) if len(again) else again


def _first_with(values: npt.NDArray[Any]) -> Rows:
    """For each row the first one that has its value."""
    _, first, place = np.unique(values, return_index=True, return_inverse=True)
    return first[place]


def _follows(first: Rows) -> npt.NDArray[np.bool_]:
    follows: npt.NDArray[np.bool_] = first != np.arange(len(first))
    return follows
