"""What `clean` found: counts, ties between kept rows, and every dropped row with its reason.

counts.json     rows in and out, dropped by reason, changed by operation, placeholders, labels, copies
clusters.json   lists of ids of kept rows that must stay together: earlier rows, then the one that is like them
dropped.jsonl   id in the raw dataset, cleaned text, label, reason and, for a duplicate, the text kept instead
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from components.shared.files import write_atomically

EXAMPLES: Final = 5
EXAMPLE_CHARS: Final = 300


@dataclass
class Findings:
    """What is counted while rows are kept or dropped.

    Attributes:
        labels_in: Rows of each label before.
        labels_out: Rows of each label after.
        dropped: Dropped rows by reason.
        examples: A few dropped texts of each reason, with their labels and what was kept instead.
        lengths_kept: Characters of each kept text.
        lengths_dropped: Characters of each dropped text.
    """

    labels_in: Counter[str] = field(default_factory=Counter)
    labels_out: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    lengths_kept: array[int] = field(default_factory=lambda: array("l"))
    lengths_dropped: array[int] = field(default_factory=lambda: array("l"))

    def keep(self, text: str, label: str) -> None:
        """Counts a kept row."""
        self.labels_in[label] += 1
        self.labels_out[label] += 1
        self.lengths_kept.append(len(text))

    def drop(self, text: str, label: str, reason: str, kept: str) -> None:
        """Counts a dropped row; `kept` is the text that stands for it."""
        self.labels_in[label] += 1
        self.dropped[reason] += 1
        self.lengths_dropped.append(len(text))
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append((text[:EXAMPLE_CHARS], label, kept[:EXAMPLE_CHARS]))

    def counts(
        self, changed: Mapping[str, int], personal: Mapping[str, int], copies: Mapping[int, int]
    ) -> dict[str, Any]:
        """The content of counts.json."""
        return {
            "rows_in": self.labels_in.total(),
            "rows_out": self.labels_out.total(),
            "dropped": dict(self.dropped.most_common()),
            "changed": dict(changed),
            "personal_data": dict(sorted(personal.items())),
            "labels_in": dict(sorted(self.labels_in.items())),
            "labels_out": dict(sorted(self.labels_out.items())),
            "copies": {str(number): texts for number, texts in copies.items()},
        }


def write_json(path: Path, value: Any) -> None:
    """Writes JSON for people and programs."""
    write_atomically(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode())
