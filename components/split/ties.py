"""Which earlier rows each row must stay with: those that `clean` found alike, and those of its group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from components.split.cleaned_rows import CleanedRows
from components.split.traits import Traits


def tied_rows(
    cleaned: CleanedRows, clusters: Iterable[Sequence[str]], traits: Traits
) -> Iterator[tuple[dict[str, Any], bytes, list[int]]]:
    """Each row with the hash of its text and the numbers of the earlier rows that it is tied to.

    Args:
        cleaned: The rows.
        clusters: Lists of ids that must stay together: earlier rows, then the one that is like them.
        traits: Tells the groups.
    """
    alike: dict[str, list[str]] = {}
    for *earlier, later in clusters:
        alike.setdefault(later, []).extend(earlier)
    number_of: dict[str, int] = {}
    first_of: dict[bytes, int] = {}
    for number, (row, key) in enumerate(cleaned.keyed()):
        tied = [number_of[other] for other in alike.get(row["id"], ()) if other in number_of]
        if traits.active:  # otherwise equal texts are drawn alike
            for name in filter(None, (key, traits.group(row))):
                first = first_of.setdefault(name, number)
                tied += [first] if first != number else []
        number_of.setdefault(row["id"], number)
        yield row, key, tied


def first_of_components(ties: Iterable[Sequence[int]]) -> list[int]:
    """The first row of all that each row is tied to, directly or through others, also later ones.

    Args:
        ties: For each row, the numbers of earlier rows.
    """
    parent: list[int] = []

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for row, tied in enumerate(ties):
        parent.append(row)
        roots = sorted({root(other) for other in (*tied, row)})
        for other in roots[1:]:
            parent[other] = roots[0]
    return [root(row) for row in range(len(parent))]
