"""Rejected records: each with its place and reason, and a limit on how many there may be."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from components.ingest.record import Record
from components.shared.errors import UserError
from components.shared.files import write_atomically

EXCERPT_CHARS = 200
NAMED_REASONS = 3


class Reject(NamedTuple):
    """A rejected record: where it stands, why it is none, how many lines it takes, and how it begins."""

    file: str
    line: int
    reason: str
    lines: int
    record: str

    @classmethod
    def of(cls, name: str, record: Record, reason: str) -> Reject:
        """The entry of a record; a broken one counts for each line that it swallows."""
        return cls(name, record.line, reason, record.lines if record.reason else 1, _excerpt(record))


class Rejects:
    """Writes rejects.jsonl and, when the block ends, counts.json into a directory.

    Attributes:
        accepted: Records that became rows.
        left_out: Records that `where` left out.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.accepted = self.left_out = 0
        self.reasons: Counter[str] = Counter()
        self._places: dict[str, str] = {}

    def __enter__(self) -> Rejects:
        self._file = (self.directory / "rejects.jsonl").open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        counts = {
            "accepted": self.accepted,
            "left out by where": self.left_out,
            "rejected": self.rejected,
            "reasons": dict(sorted(self.reasons.items())),
        }
        write_atomically(self.directory / "counts.json", (json.dumps(counts, indent=1) + "\n").encode())

    @property
    def rejected(self) -> int:
        """Rejected records; a broken one counts for each line that it swallows."""
        return self.reasons.total()

    def add(self, reject: Reject) -> None:
        """Records a rejected record."""
        self.reasons[reject.reason] += reject.lines
        self._places.setdefault(reject.reason, f"{reject.file} line {reject.line}")
        entry = {"file": reject.file, "line": reject.line, "reason": reject.reason, "record": reject.record}
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def check_share(self, limit: float, where: Path) -> None:
        """Raises UserError when more than the share `limit` of all records is rejected."""
        share = self.rejected / max(self.accepted + self.rejected, 1)
        if share <= limit:
            return
        left_out = f" (`where` leaves out {self.left_out:,} others)" if self.left_out else ""
        raise UserError(
            f"{self.rejected:,} of {self.accepted + self.rejected:,} records ({share:.1%}) are rejected, "
            f"more than {limit:.1%}{left_out}: {self.named()}",
            where="ingest.max_reject_share",
            remedy=f"mend them (all are listed in {where / 'rejects.jsonl'}){self._hint()} or allow more",
        )

    def named(self) -> str:
        """The most frequent reasons and where each was found first."""
        return "; ".join(
            f"{reason} ({count:,} times, first in {self._places[reason]})"
            for reason, count in self.reasons.most_common(NAMED_REASONS)
        )

    def _hint(self) -> str:
        """What may mend most of the records at once."""
        return ", name ingest.encoding" if self.reasons.most_common(1)[0][0].startswith("not valid UTF") else ""


def _excerpt(record: Record) -> str:
    text = json.dumps(dict(record.values), ensure_ascii=False, default=str)[:EXCERPT_CHARS]
    return text.encode("utf-8", "backslashreplace").decode()
