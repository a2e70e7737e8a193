"""Draws the split of a new cluster: by a hash of its text alone, or so that every stratum is met evenly."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Final

import numpy as np
import numpy.typing as npt

from components.split.config import Config
from components.split.traits import Values

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS: Final = (TRAIN, VALIDATION, TEST)
"""From the least to the most protected."""
_SLACK: Final = 5
"""Rows by which the splits of a stratum may stray from their shares; the fewer, the more predictable the draw."""
_AT_ONCE: Final = 4096
Pick = tuple[str, int]
"""What was drawn for, and which of the shares was drawn."""
Keys = npt.NDArray[np.void]
"""The hashes of texts (see `text_key`)."""
Codes = npt.NDArray[np.uint8]
"""Splits as places in SPLITS."""
_SPLIT, _FOLD, _VALIDATION = "split", "fold", "validation"
_PARTED: Final = np.array([SPLITS.index(split) for split in (TEST, VALIDATION, TRAIN)], np.uint8)
"""What the shares of a split are drawn for."""


def fractions(keys: Iterable[bytes], count: int, salt: str, purpose: str) -> npt.NDArray[np.float64]:
    """For each of so many keys a number in [0, 1) that depends on it, the salt and the purpose only."""
    keyed = hashlib.blake2b(digest_size=8, key=hashlib.sha256(f"{purpose}\0{salt}".encode()).digest())

    def digest(key: bytes) -> bytes:
        one = keyed.copy()
        one.update(key)
        return one.digest()

    found: npt.NDArray[np.float64] = np.fromiter(map(digest, keys), "S8", count).view(">u8").astype(np.float64)
    found /= 2**64
    return found


def each(keys: Keys) -> Iterator[bytes]:
    """The keys one by one, few of them as objects at a time."""
    return chain.from_iterable(keys[begin : begin + _AT_ONCE].tolist() for begin in range(0, len(keys), _AT_ONCE))


class Draws:
    """Draws splits, and counts the rows of each stratum that went each way.

    Without strata a draw depends on the key alone. With strata what has come too short is drawn more often (a
    biased coin), so that a draw depends on the rows before it too, and never on later ones.

    Args:
        config: The options.
        keys: The hash of each row's text.
        groups: The group of each row, which then decides instead of its text.
    """

    def __init__(self, config: Config, keys: Keys, groups: Values[bytes]) -> None:
        self.config, self._keys, self._groups = config, keys, groups
        self._rows: dict[tuple[str, str], list[int]] = {}
        self._shares = _shares(config)
        self._places = {purpose: self._fractions(purpose) for purpose in self._shares} if config.stratify else {}

    def all(self) -> Codes:
        """The splits of all rows, each as if it began a cluster; without strata."""
        if not self.config.folds:
            return _PARTED[self._drawn(_SPLIT)]
        return np.where(self._drawn(_FOLD) == self.config.fold, _PARTED[0], _PARTED[1:][self._drawn(_VALIDATION)])

    def draw(self, row: int, stratum: str) -> tuple[int, list[Pick]]:
        """The split of a new cluster, as a place in SPLITS, and what was picked for it.

        Args:
            row: Its first row.
            stratum: The stratum of that row.
        """
        if not self.config.folds:
            pick = self._pick(_SPLIT, row, stratum)
            return int(_PARTED[pick[1]]), [pick]
        fold = self._pick(_FOLD, row, stratum)
        if fold[1] == self.config.fold:
            return int(_PARTED[0]), [fold]
        pick = self._pick(_VALIDATION, row, stratum)
        return int(_PARTED[1:][pick[1]]), [fold, pick]

    def count(self, picks: Sequence[Pick], stratum: str) -> None:
        """Counts a row of a cluster."""
        for purpose, index in picks:
            if (purpose, stratum) in self._rows:
                self._rows[purpose, stratum][index] += 1

    def _fractions(self, purpose: str) -> npt.NDArray[np.float64]:
        return fractions(_identities(self._keys, self._groups), len(self._keys), self.config.salt, purpose)

    def _drawn(self, purpose: str) -> npt.NDArray[np.int64]:
        """For each row which of the shares is drawn, or the rest behind the last of them."""
        return np.searchsorted(list(accumulate(self._shares[purpose])), self._fractions(purpose), side="right")

    def _pick(self, purpose: str, row: int, stratum: str) -> Pick:
        """The same for one row, in regard to the rows of its stratum."""
        shares = self._shares[purpose]
        rows = self._rows.setdefault((purpose, stratum), [0] * (len(shares) + 1))
        return purpose, bisect_right(list(accumulate(_evened(shares, rows))), float(self._places[purpose][row]))


def _shares(config: Config) -> dict[str, tuple[float, ...]]:
    """What is drawn for, and the shares of all that may be drawn but the last."""
    if not config.folds:
        return {_SPLIT: (0.0 if config.frozen_test else config.test_fraction, config.validation_fraction)}
    rest = 1 - 1 / config.folds
    return {_FOLD: (1 / config.folds,) * (config.folds - 1), _VALIDATION: (config.validation_fraction / rest,)}


def _identities(keys: Keys, groups: Values[bytes]) -> Iterable[bytes]:
    """What identifies the cluster that each row would begin."""
    own = each(keys)
    return (groups.of(row, b"") or key for row, key in enumerate(own)) if groups else own


def _evened(shares: Sequence[float], rows: Sequence[int]) -> list[float]:
    """The chances with which shares are drawn so that their rows come near to them."""
    all_shares = [*shares, 1 - sum(shares)]
    wanted = sum(rows) + _SLACK
    short = [max(share * wanted - there, 0.0) for share, there in zip(all_shares, rows, strict=True)]
    return [part / sum(short) for part in short[:-1]]
