"""Draws the split of a new cluster: by a hash of its text alone, or so that every stratum is met evenly."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Final

from components.split.config import Config

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS: Final = (TRAIN, VALIDATION, TEST)
"""From the least to the most protected."""
_SLACK: Final = 5
"""Rows by which the splits of a stratum may stray from their shares; the fewer, the more predictable the draw."""
Pick = tuple[str, int]
"""What was drawn for, and which of the shares was drawn."""


def fraction(key: bytes, salt: str, purpose: str) -> float:
    """A number in [0, 1) that depends on its arguments only."""
    digest = hashlib.blake2b(key, digest_size=8, key=_key_of(purpose, salt))
    return int.from_bytes(digest.digest(), "big") / 2**64


@functools.cache
def _key_of(purpose: str, salt: str) -> bytes:
    return hashlib.sha256(f"{purpose}\0{salt}".encode()).digest()


class Draws:
    """Draws splits, and counts the rows of each stratum that went each way.

    Without strata a draw depends on the key alone. With strata what has come too short is drawn more often (a
    biased coin), so that a draw depends on the rows before it too, and never on later ones.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._rows: dict[tuple[str, str], list[int]] = {}

    def draw(self, key: bytes, stratum: str) -> tuple[str, list[Pick]]:
        """The split of a new cluster, and what was picked for it.

        Args:
            key: What identifies the cluster.
            stratum: The stratum of its first row.
        """
        config = self.config
        if not config.folds:
            test = 0.0 if config.frozen_test else config.test_fraction
            pick = self._pick("split", (test, config.validation_fraction), key, stratum)
            return (TEST, VALIDATION, TRAIN)[pick[1]], [pick]
        fold = self._pick("fold", (1 / config.folds,) * (config.folds - 1), key, stratum)
        if fold[1] == config.fold:
            return TEST, [fold]
        pick = self._pick("validation", (config.validation_fraction / (1 - 1 / config.folds),), key, stratum)
        return (VALIDATION, TRAIN)[pick[1]], [fold, pick]

    def count(self, picks: Sequence[Pick], stratum: str) -> None:
        """Counts a row of a cluster."""
        for purpose, index in picks:
            if (purpose, stratum) in self._rows:
                self._rows[purpose, stratum][index] += 1

    def _pick(self, purpose: str, shares: Sequence[float], key: bytes, stratum: str) -> Pick:
        """Draws one of the shares, or the rest behind the last of them."""
        place = fraction(key, self.config.salt, purpose)
        if self.config.stratify:
            rows = self._rows.setdefault((purpose, stratum), [0] * (len(shares) + 1))
            shares = _evened(shares, rows)
        end = 0.0
        for index, share in enumerate(shares):
            end += share
            if place < end:
                return purpose, index
        return purpose, len(shares)


def _evened(shares: Sequence[float], rows: Sequence[int]) -> list[float]:
    """The chances with which shares are drawn so that their rows come near to them."""
    all_shares = [*shares, 1 - sum(shares)]
    wanted = sum(rows) + _SLACK
    short = [max(share * wanted - there, 0.0) for share, there in zip(all_shares, rows, strict=True)]
    return [part / sum(short) for part in short[:-1]]
