"""Which split each row goes to.

A text's own hash decides, so the split of a row does not depend on how many rows there are. A row that is
like earlier rows (a tie) follows them, so that what is alike never lies on two sides; when it ties rows of
different splits, it goes to the most protected one and the rows on the other sides are dropped. Looking
back only, a row of the test set stays there whatever is appended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from components.split.config import Config

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS: Final = (TRAIN, VALIDATION, TEST)
"""From the least to the most protected."""
TIED: Final[Mapping[str, str]] = {
    VALIDATION: "like a row of the validation set",
    TEST: "like a row of the test set",
}
CAPPED: Final = "beyond train_rows"


def fraction(key: bytes, salt: str, purpose: str) -> float:
    """A number in [0, 1) that depends on its arguments only."""
    digest = hashlib.blake2b(key, digest_size=8, key=hashlib.sha256(f"{purpose}\0{salt}".encode()).digest())
    return int.from_bytes(digest.digest(), "big") / 2**64


class Assignment:
    """Takes the rows in source order and gives each a split or a reason why it has none.

    Attributes:
        reasons: Why each row is dropped; empty for the others.
        cluster: The first row of each row's cluster.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.reasons: list[str] = []
        self.cluster: list[int] = []
        self._keys: list[bytes] = []
        self._split: dict[int, str] = {}
        self._members: dict[int, list[int]] = {}

    def add(self, key: bytes, earlier: Sequence[int] = ()) -> None:
        """Adds the next row.

        Args:
            key: The hash of its text.
            earlier: Numbers of earlier rows that it is like.
        """
        row = len(self.cluster)
        self._keys.append(key)
        self.reasons.append("")
        clusters = sorted({self.cluster[other] for other in earlier})
        if not clusters:
            self.cluster.append(row)
            self._members[row] = [row]
            self._split[row] = self._drawn(key)
            return
        self._join(clusters)
        self.cluster.append(clusters[0])
        self._members[clusters[0]].append(row)

    def split_of(self, row: int) -> str:
        """The split of a row, whether it is dropped or not."""
        return self._split[self.cluster[row]]

    def cap_train(self) -> None:
        """Drops train rows beyond `train_rows`.

        Those with the largest hashes go, so that rows appended later push out few and the others stay.
        """
        train = [row for row, reason in enumerate(self.reasons) if not reason and self.split_of(row) == TRAIN]
        if not self.config.train_rows or len(train) <= self.config.train_rows:
            return
        train.sort(key=lambda row: (fraction(self._keys[row], self.config.salt, "cap"), row))
        for row in train[self.config.train_rows :]:
            self.reasons[row] = CAPPED

    def _drawn(self, key: bytes) -> str:
        place = fraction(key, self.config.salt, "split")
        if place < self.config.test_fraction:
            return TEST
        return VALIDATION if place < self.config.test_fraction + self.config.validation_fraction else TRAIN

    def _join(self, clusters: Sequence[int]) -> None:
        target = clusters[0]
        winner = max((self._split[cluster] for cluster in clusters), key=SPLITS.index)
        for cluster in clusters:
            if self._split[cluster] != winner:
                for row in self._members[cluster]:
                    self.reasons[row] = self.reasons[row] or TIED[winner]
            if cluster != target:
                members = self._members.pop(cluster)
                self._members[target] += members
                for row in members:
                    self.cluster[row] = target
        self._split[target] = winner
