"""Which rows differ between two versions of a dataset: added, removed, moved to another split, relabelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from components.shared.datasets import Dataset
from components.shared.records import text_key
from components.shared.texts import compared_text, label_of

KINDS: Final = ("added", "removed", "moved", "relabelled")
EXAMPLES: Final = 3
_EXCERPT: Final = 100


@dataclass
class Changes:
    """What changed.

    Attributes:
        kept: Rows of the source that are in both versions, in the same split with the same label.
        counts: For each kind of change, how many rows by split; `a -> b` for those that moved or were relabelled.
        examples: A few texts of each kind, with the split or what it was and is.
    """

    kept: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    examples: dict[str, list[list[str]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def note(self, kind: str, where: str, text: str) -> None:
        """Counts a changed row."""
        self.counts[kind][where] += 1
        if len(self.examples[kind]) < EXAMPLES:
            self.examples[kind].append([where, " ".join(text.split())[:_EXCERPT]])


def changes(old: Dataset, new: Dataset) -> Changes:
    """Compares the rows that come from the source; those made of others are left out.

    Rows are the same when their texts are, but for case and white space; hashes of the older texts are in memory.
    """
    found = Changes()
    before = {key: (split, label_of(row)) for key, split, row in _rows(old)}
    for key, split, row in _rows(new):
        text, label = compared_text(row), label_of(row)
        if key not in before:
            found.note("added", split, text)
            continue
        old_split, old_label = before.pop(key)
        if old_split != split:
            found.note("moved", f"{old_split} -> {split}", text)
        if old_label != label:
            found.note("relabelled", f"{old_label} -> {label}", text)
        found.kept += (old_split, old_label) == (split, label)
    for key, split, row in _rows(old) if before else ():
        if key in before:
            found.note("removed", split, compared_text(row))
    return found


def source_rows(dataset: Dataset) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows with their split, without those that were made of others."""
    for split in dataset.manifest.splits:
        for row in dataset.rows(split):
            if not _is_made(row):
                yield split, row


def _rows(dataset: Dataset) -> Iterator[tuple[bytes, str, Mapping[str, Any]]]:
    """Rows with what identifies them: their text, and how many rows before them have the same."""
    return _numbered((text_key(compared_text(row)), split, row) for split, row in source_rows(dataset))


def _numbered(
    rows: Iterable[tuple[bytes, str, Mapping[str, Any]]],
) -> Iterator[tuple[bytes, str, Mapping[str, Any]]]:
    again: Counter[bytes] = Counter()
    seen: set[bytes] = set()
    for key, split, row in rows:
        if key in seen:
            again[key] += 1
            yield b"%s %d" % (key, again[key]), split, row
        else:
            seen.add(key)
            yield key, split, row


def _is_made(row: Mapping[str, Any]) -> bool:
    return bool((row.get("meta") or {}).get("augmentation"))
