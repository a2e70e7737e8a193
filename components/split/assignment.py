"""Which split each row goes to.

A text's own hash decides, so the split of a row does not depend on how many rows there are. A row that is
like earlier rows (a tie) follows them, so that what is alike never lies on two sides; when it ties rows of
different splits, it goes to the most protected one and the rows on the other sides are dropped. Looking
back only, a row of the test set stays there whatever is appended.

Rows without ties and strata are drawn all at once; the others in their order. Memory holds some 30 bytes for each row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.split.config import Config
from components.split.draws import SPLITS, TEST, TRAIN, VALIDATION, Codes, Draws, Keys, Pick, each, fractions
from components.split.ties import Rows, Ties
from components.split.traits import Deciding

TIED: Final[Mapping[str, str]] = {
    VALIDATION: "like a row of the validation set",
    TEST: "like a row of the test set",
}
DISPUTED: Final = "first of duplicates with conflicting labels"
CAPPED: Final = "beyond train_rows"
_TEST: Final = SPLITS.index(TEST)


class Assignment:
    """Gives each row a split, or a reason why it has none.

    Args:
        config: The options.
        keys: The hash of each row's text.
        ties: Which rows must stay together.
        deciding: What else decides; nothing by default.

    Attributes:
        reasons: Why each row is dropped, as a place in `reason_names`; 0 for the others.
        cluster: The first row of each row's cluster.
    """

    def __init__(self, config: Config, keys: Keys, ties: Ties, deciding: Deciding | None = None) -> None:
        self.config, self.keys, self.deciding = config, keys, deciding or Deciding()
        self.reason_names = [""]
        self.reasons = np.zeros(len(keys), np.uint8)
        self.cluster = np.arange(len(keys), dtype=np.int32)
        self._draws = Draws(config, keys, self.deciding.groups)
        self._picks: dict[int, list[Pick]] = {}
        self._members: dict[int, list[int]] = {}  # of clusters with more rows than the first
        self._frozen = np.array(self.deciding.frozen, bool) if self.deciding.frozen else np.zeros(len(keys), bool)
        self._split = np.where(self._frozen, np.uint8(_TEST), np.uint8(0) if config.stratify else self._draws.all())
        for row in range(len(keys)) if config.stratify else ties.rows():
            self._add(int(row), ties.of(int(row)))

    def _add(self, row: int, earlier: Sequence[int]) -> None:
        """Puts a row to the earlier ones that it is tied to, or begins a cluster with it."""
        frozen, stratum = bool(self._frozen[row]), self.deciding.strata.of(row, "")
        clusters = sorted({int(self.cluster[other]) for other in earlier})
        if frozen or not clusters:
            if self.config.stratify:
                self._draw(row, stratum)
            clusters.append(row)
        if earlier:
            self._join(clusters, row)
        self.cluster[row] = clusters[0]
        if self.config.stratify:
            self._draws.count(self._picks[clusters[0]], stratum)
        if self.config.frozen_test and not frozen and self._split[clusters[0]] == _TEST:
            self.drop([row], TIED[TEST])  # a frozen test set takes no other rows

    def _draw(self, row: int, stratum: str) -> None:
        self._picks[row] = []
        if not self._frozen[row]:
            self._split[row], self._picks[row] = self._draws.draw(row, stratum)

    def splits(self, rows: slice | Rows) -> Codes:
        """The splits of rows, whether they are dropped or not, as places in SPLITS."""
        found: Codes = self._split[self.cluster[rows]]
        return found

    def split_of(self, row: int) -> str:
        """The split of a row, whether it is dropped or not."""
        return SPLITS[int(self._split[self.cluster[row]])]

    def reason_of(self, row: int) -> str:
        """Why a row is dropped; empty when it is not."""
        return self.reason_names[int(self.reasons[row])]

    def rows_of(self, split: str) -> Rows:
        """The rows of a split that are not dropped."""
        return np.flatnonzero((self.splits(slice(None)) == SPLITS.index(split)) & (self.reasons == 0))

    def dropped(self) -> dict[str, int]:
        """Dropped rows by reason, in the order of the first row of each."""
        first: dict[str, int] = {}
        counts: dict[str, int] = {}
        for code, name in enumerate(self.reason_names[1:], 1):
            here = self.reasons == code
            if count := int(np.count_nonzero(here)):
                first[name], counts[name] = int(np.argmax(here)), count
        return {name: counts[name] for name in sorted(counts, key=first.__getitem__)}

    def cap_train(self) -> None:
        """Drops train rows beyond `train_rows`.

        Those with the largest hashes go, so that rows appended later push out few and the others stay.
        """
        train = self.rows_of(TRAIN)
        if self.config.train_rows and len(train) > self.config.train_rows:
            self.drop(self.ranked(train, "cap")[self.config.train_rows :], CAPPED)

    def ranked(self, rows: Rows, purpose: str) -> Rows:
        """Ascending rows in an order that depends on their texts and the purpose only."""
        ranks = fractions(each(self.keys[rows]), len(rows), self.config.salt, purpose)
        return rows[np.argsort(ranks, kind="stable")]

    def drop(self, rows: npt.ArrayLike, reason: str) -> None:
        """Drops rows for a reason, those that are not dropped yet."""
        if reason not in self.reason_names:
            self.reason_names.append(reason)
        numbers: npt.NDArray[Any] = np.asarray(rows, np.int64)
        self.reasons[numbers[self.reasons[numbers] == 0]] = self.reason_names.index(reason)

    def _join(self, clusters: Sequence[int], new: int) -> None:
        """Makes one cluster of several and a new row, which may be one of them."""
        target = clusters[0]
        winner = max(int(self._split[cluster]) for cluster in clusters)
        joined = self._members.setdefault(target, [target])
        for cluster in clusters:
            members = [] if cluster == new else self._members.get(cluster, [cluster])
            if self._split[cluster] != winner:
                self.drop(members, TIED[SPLITS[winner]])
            if cluster != target:
                self._members.pop(cluster, None)
                joined += members
                self.cluster[members] = target
        joined.append(new)
        self._split[target] = winner
