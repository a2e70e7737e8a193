"""What `clean` found: counts, ties between kept rows, and every dropped row with its reason.

texts.parquet   key and size of each kept text (see `components.shared.kept_texts`)
counts.json     digest of the cleaned dataset, rows in and out, dropped by reason, changed by operation, placeholders,
                labels, copies; the rows before and after of each language, label and value of `meta`; and the numbers
                of kept rows whose duplicates have other labels
clusters.json   lists of ids of kept rows that must stay together: earlier rows, then the one that is like them
dropped.jsonl   id in the raw dataset, cleaned text, label, reason and, for a duplicate, the text kept instead
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.clean.distributions import Distributions
from components.clean.duplicates import Duplicates
from components.shared.files import write_atomically

EXAMPLES: Final = 5
EXAMPLE_CHARS: Final = 300
VARIANTS: Final = 2


@dataclass
class Findings:
    """What was found in the rows.

    Attributes:
        duplicates: Which rows are dropped, and why.
        examples: A few dropped texts of each reason, with their labels and what was kept instead.
        distributions: How the rows are spread before and after.
        clusters: Which texts were dropped for being like another one.
    """

    duplicates: Duplicates
    examples: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    distributions: Distributions = field(default_factory=Distributions)

    def __post_init__(self) -> None:
        self.clusters = Clusters(self.duplicates.kept_as)

    def drop(self, text: str, label: str, reason: str, kept: str) -> None:
        """Notes a dropped row; `kept` is the text that stands for it."""
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append((text[:EXAMPLE_CHARS], label, kept[:EXAMPLE_CHARS]))

    def disputed(self) -> list[int]:
        """Numbers among the kept rows of those whose duplicates have other labels."""
        kept = self.duplicates.reasons == 0
        numbers: list[int] = np.flatnonzero(self.duplicates.disputed[kept]).tolist()
        return numbers

    def settled_labels(self) -> list[str]:
        """The labels of kept rows that no duplicate contradicts."""
        marks, kept = self.duplicates.marks, (self.duplicates.reasons == 0) & ~self.duplicates.disputed
        return list(_counted(marks.labels[kept], marks.label_names))

    @property
    def lengths_kept(self) -> npt.NDArray[np.int32]:
        """Characters of each kept text."""
        return self._lengths(self.duplicates.reasons == 0)

    @property
    def lengths_dropped(self) -> npt.NDArray[np.int32]:
        """Characters of each dropped text."""
        return self._lengths(self.duplicates.reasons != 0)

    def counts(self) -> dict[str, Any]:
        """The content of counts.json."""
        marks, reasons = self.duplicates.marks, self.duplicates.reasons
        dropped = _counted(reasons[reasons != 0], marks.reason_names)
        return {
            "rows_in": len(reasons),
            "rows_out": int((reasons == 0).sum()),
            "dropped": dict(dropped.most_common()),
            "changed": dict(marks.changed),
            "personal_data": dict(sorted(marks.personal.items())),
            "labels_in": dict(sorted(_counted(marks.labels, marks.label_names).items())),
            "labels_out": dict(sorted(_counted(marks.labels[reasons == 0], marks.label_names).items())),
            "copies": {str(number): texts for number, texts in self.duplicates.copies().items()},
        }

    def _lengths(self, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        lengths: npt.NDArray[np.int32] = self.duplicates.marks.chars[rows]
        return lengths


class Clusters:
    """Kept texts with the copies that were dropped for them.

    Args:
        kept_as: Number of the kept row that stands for each row; -1 for none.

    Attributes:
        sizes: How many texts each cluster has, the kept one among them.
        examples: The largest clusters: the kept text, how many there are, and the first copies that are not the same.
    """

    def __init__(self, kept_as: npt.NDArray[np.int32]) -> None:
        kept, copies = np.unique(kept_as[kept_as >= 0], return_counts=True)
        self.sizes = copies + 1
        largest = np.argsort(-copies, kind="stable")[:EXAMPLES]
        self.examples = {int(kept[place]): ClusterExample(int(self.sizes[place])) for place in largest}

    def add(self, kept_as: int, text: str, kept: str) -> None:
        """Notes a copy of a kept text."""
        if example := self.examples.get(kept_as):
            example.kept = kept[:EXAMPLE_CHARS]
            if text != kept and len(example.others) < VARIANTS:
                example.others.append(text[:EXAMPLE_CHARS])


@dataclass
class ClusterExample:
    """One cluster: how many texts, the kept one, and some that are not the same."""

    size: int
    kept: str = ""
    others: list[str] = field(default_factory=list)


def _counted(codes: npt.NDArray[np.integer], names: Sequence[str]) -> Counter[str]:
    """How often each name is there, in the order of its first place."""
    found, first, counts = np.unique(codes, return_index=True, return_counts=True)
    order = np.argsort(first)
    return Counter({names[code]: int(count) for code, count in zip(found[order], counts[order], strict=True)})


def write_json(path: Path, value: Any) -> None:
    """Writes JSON for people and programs."""
    write_atomically(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode())
