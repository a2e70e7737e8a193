"""Which rows are dropped as duplicates, and which of the kept ones are alike. Rows are numbered in source order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from components.clean.config import Config
from components.clean.near_duplicates import similar_pairs
from components.clean.parts import Marks
from components.clean.shingles import Places
from components.clean.signatures import SignatureIndex
from components.shared.records import TASKS

CONFLICT: Final = "duplicates with conflicting labels"
EXACT: Final = "exact duplicate"
NEAR: Final = "near-duplicate"
NEAR_CONFLICT: Final = "near-duplicate with another label"


class Duplicates:
    """Decides on rows.

    Args:
        config: What counts as a duplicate, and what happens to it.
        marks: What is known of the rows; one with a reason is dropped already and takes no part.
        index: Their signatures.
        scratch: A directory for intermediate files.

    Attributes:
        reasons: Why each row is dropped, as a place in `marks.reason_names`; 0 for a kept one.
        kept_as: Number of the kept row that stands for a row dropped as a duplicate; -1 for the others.
        disputed: The first rows of duplicates with conflicting labels. They are kept: were they dropped here, an
            appended row could take a row out of the test set, and those that followed it there. `split` drops others.
    """

    def __init__(self, config: Config, marks: Marks, index: SignatureIndex, scratch: Path) -> None:
        self.config, self.marks, self.index, self.scratch = config, marks, index, scratch
        self.reasons = marks.reasons.copy()
        self.kept_as = np.full(len(self.reasons), -1, np.int32)
        self.disputed = np.zeros(len(self.reasons), bool)
        self._code: dict[str, int] = {}
        for name in (CONFLICT, EXACT, NEAR, NEAR_CONFLICT):
            self._code[name] = len(marks.reason_names)
            marks.reason_names.append(name)
        self._groups = _Groups(marks.take_keys(), np.flatnonzero(self.reasons == 0))

    def decide(self) -> None:
        """Fills `reasons`: exact duplicates first, then those that are nearly the same as an earlier row."""
        groups = self._groups
        if self.config.conflicting_labels:
            differ = groups.differ(self.marks.labels)
            self.reasons[groups.rows[differ & ~groups.is_first]] = self._code[CONFLICT]
            self.disputed[groups.rows[differ & groups.is_first]] = True
        if self.config.exact_duplicates:
            copies = ~groups.is_first & (self.reasons[groups.rows] == 0)
            self.reasons[groups.rows[copies]] = self._code[EXACT]
            self.kept_as[groups.rows[copies]] = groups.first()[copies]
        if self.config.near_duplicates:
            self._drop_similar()
            # What an exact copy was kept as may have gone since, as like another text.
            copies = np.flatnonzero(self.kept_as >= 0)
            again = self.kept_as[self.kept_as[copies]]
            self.kept_as[copies] = np.where(again >= 0, again, self.kept_as[copies])
        self.disputed &= self.reasons == 0

    def ties(self) -> dict[int, list[int]]:
        """Kept rows that are alike earlier kept rows, or have their prompt, with these."""
        found: dict[int, list[int]] = {}
        for pairs in similar_pairs(self.index, self.reasons == 0, self.config.cluster_similarity, self.scratch):
            for row, earlier in pairs.tolist():
                found.setdefault(row, []).append(earlier)
        for row, earlier in self._same_prompts() if "messages" in TASKS[self.config.task] else ():
            if earlier not in found.setdefault(row, []):
                found[row].append(earlier)
        return found

    def copies(self) -> dict[int, int]:
        """Number of kept texts by how often each is in the source, but for case and white space."""
        groups = self._groups
        if not len(groups.rows):
            return {}
        kept = np.logical_or.reduceat(self.reasons[groups.rows] == 0, groups.begins)
        counts = Counter(groups.sizes[kept].tolist())
        return dict(sorted(counts.items()))

    def _same_prompts(self) -> Iterator[tuple[int, int]]:
        """Kept rows with the first one of their prompt."""
        rows, prompts = self.marks.prompts()
        kept = self.reasons[rows] == 0
        rows = rows[kept]
        _, first, place = np.unique(prompts[kept], return_index=True, return_inverse=True)
        firsts = rows[first[place]]
        later = firsts != rows
        yield from zip(rows[later].tolist(), firsts[later].tolist(), strict=True)

    def _drop_similar(self) -> None:
        """A row that is like any earlier one goes, also like one that goes itself: what stands for it is kept."""
        labels, threshold = self.marks.labels, self.config.near_duplicate_similarity
        questions = self.marks.questions() if "context" in TASKS[self.config.task] else None
        for pairs in similar_pairs(self.index, self.reasons == 0, threshold, self.scratch, questions):
            _, first = np.unique(pairs[:, 0], return_index=True)
            for row, earlier in pairs[first].tolist():
                kept = int(self.kept_as[earlier]) if self.kept_as[earlier] >= 0 else earlier
                self.reasons[row] = self._code[NEAR if labels[row] == labels[kept] else NEAR_CONFLICT]
                self.kept_as[row] = kept


class _Groups:
    """Rows with the same text, but for case and white space.

    Attributes:
        rows: All rows that take part, group by group, in source order within each.
        is_first: Whether a row is the first of its group.
    """

    def __init__(self, keys: npt.NDArray[np.uint64], rows: Places) -> None:
        keys = keys[rows]
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        self.rows, keys = rows[order].astype(np.uint32), keys[order]
        self.is_first = np.ones(len(rows), bool)
        self.is_first[1:] = (keys[1:] != keys[:-1]).any(axis=1)

    @property
    def begins(self) -> Places:
        """Where each group begins."""
        return np.flatnonzero(self.is_first)

    @property
    def sizes(self) -> Places:
        """Number of rows of each group."""
        return np.diff(np.append(self.begins, len(self.rows)))

    def first(self) -> npt.NDArray[np.uint32]:
        """For each row the first one of its group."""
        return np.repeat(self.rows[self.begins], self.sizes)

    def differ(self, values: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """For each row whether the rows of its group have different values."""
        if not len(self.rows):
            return np.empty(0, bool)
        ordered, begins = values[self.rows], self.begins
        differ = np.minimum.reduceat(ordered, begins) != np.maximum.reduceat(ordered, begins)
        return np.repeat(differ, self.sizes)
