"""Which split each row goes to.

A text's own hash decides, so the split of a row does not depend on how many rows there are. A row that is
like earlier rows (a tie) follows them, so that what is alike never lies on two sides; when it ties rows of
different splits, it goes to the most protected one and the rows on the other sides are dropped. Looking
back only, a row of the test set stays there whatever is appended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from components.split.config import Config
from components.split.draws import SPLITS, TEST, TRAIN, VALIDATION, Draws, Pick, fraction

TIED: Final[Mapping[str, str]] = {
    VALIDATION: "like a row of the validation set",
    TEST: "like a row of the test set",
}
DISPUTED: Final = "first of duplicates with conflicting labels"
CAPPED: Final = "beyond train_rows"


class Assignment:
    """Takes the rows in source order and gives each a split or a reason why it has none.

    Attributes:
        reasons: Why each row is dropped; empty for the others.
        cluster: The first row of each row's cluster.
        keys: The hash of each row's text.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.reasons: list[str] = []
        self.cluster: list[int] = []
        self.keys: list[bytes] = []
        self._draws = Draws(config)
        self._split: dict[int, str] = {}
        self._picks: dict[int, list[Pick]] = {}
        self._members: dict[int, list[int]] = {}  # of clusters with more rows than the first

    def add(
        self, key: bytes, earlier: Sequence[int] = (), *, group: bytes = b"", stratum: str = "", frozen: bool = False
    ) -> None:
        """Adds the next row.

        Args:
            key: The hash of its text.
            earlier: Numbers of earlier rows that it is like.
            group: Identity of its group, which then decides instead of its text.
            stratum: What the splits are to hold in like shares.
            frozen: Whether it is of the test set in any case.
        """
        row = len(self.cluster)
        self.keys.append(key)
        self.reasons.append("")
        clusters = sorted({self.cluster[other] for other in earlier}) if earlier else []
        if frozen or not clusters:
            split, picks = (TEST, []) if frozen else self._draws.draw(group or key, stratum)
            self._split[row] = split
            if self.config.stratify:
                self._picks[row] = picks
            clusters.append(row)
        if earlier:
            self._join(clusters, row)
        self.cluster.append(clusters[0])
        if self.config.stratify:
            self._draws.count(self._picks[clusters[0]], stratum)
        if self.config.frozen_test and not frozen and self._split[clusters[0]] == TEST:
            self.reasons[row] = TIED[TEST]  # a frozen test set takes no other rows

    def split_of(self, row: int) -> str:
        """The split of a row, whether it is dropped or not."""
        return self._split[self.cluster[row]]

    def rows_of(self, split: str) -> list[int]:
        """The rows of a split that are not dropped."""
        return [row for row, reason in enumerate(self.reasons) if not reason and self.split_of(row) == split]

    def cap_train(self) -> None:
        """Drops train rows beyond `train_rows`.

        Those with the largest hashes go, so that rows appended later push out few and the others stay.
        """
        train = self.rows_of(TRAIN)
        if self.config.train_rows and len(train) > self.config.train_rows:
            self.drop(self.ranked(train, "cap")[self.config.train_rows :], CAPPED)

    def ranked(self, rows: Iterable[int], purpose: str) -> list[int]:
        """Rows in an order that depends on their texts and the purpose only."""
        return sorted(rows, key=lambda row: (fraction(self.keys[row], self.config.salt, purpose), row))

    def drop(self, rows: Collection[int], reason: str) -> None:
        """Drops rows for a reason."""
        for row in rows:
            self.reasons[row] = self.reasons[row] or reason

    def _join(self, clusters: Sequence[int], new: int) -> None:
        """Makes one cluster of several and a new row, which may be one of them."""
        target = clusters[0]
        winner = max((self._split[cluster] for cluster in clusters), key=SPLITS.index)
        joined = self._members.setdefault(target, [target])
        for cluster in clusters:
            members = [] if cluster == new else self._members.get(cluster, [cluster])
            if self._split[cluster] != winner:
                self.drop(members, TIED[winner])
            if cluster != target:
                self._members.pop(cluster, None)
                joined += members
                for row in members:
                    self.cluster[row] = target
        joined.append(new)
        self._split[target] = winner
