"""Texts that are nearly the same: MinHash and LSH find candidates, their true Jaccard similarity decides.

The bands let pairs through from a similarity of about .42 on, well below what is asked for, so that
hardly any is missed: of pairs at .6 one in 80, at .7 one in 6,000. What a text is tied to depends on it
and the texts before it only, so appending texts changes nothing for those that are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from components.clean.shingles import Hashes

BANDS: Final = 32
ROWS: Final = 4
BATCH_SHINGLES: Final = 1 << 18
PAIR_SHINGLES: Final = 1 << 22
PREDECESSORS: Final = 4
"""In a band each text is compared with the first and with so many earlier texts of its bucket."""
Pairs = npt.NDArray[np.int64]
"""Two columns: a text and an earlier text."""
_random: Final = np.random.Generator(np.random.PCG64(20_240_229))
_FACTORS: Final = _random.integers(0, 1 << 31, BANDS * ROWS, np.uint32) * np.uint32(2) + np.uint32(1)
_OFFSETS: Final = _random.integers(0, 1 << 32, BANDS * ROWS, np.uint32)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


class ShingleIndex:
    """The shingles of all texts and their LSH bands; about 8 bytes for each shingle and 256 for each text."""

    def __init__(self) -> None:
        self._shingles: list[Hashes] = []
        self._bands: list[npt.NDArray[np.uint64]] = []
        self._batch: list[Hashes] = []
        self._batch_size = 0

    def add(self, shingles: Hashes) -> None:
        """Adds the next text."""
        self._batch.append(shingles)
        self._batch_size += len(shingles)
        if self._batch_size >= BATCH_SHINGLES:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            sizes = np.array([len(shingles) for shingles in self._batch])
            self._bands.append(_band_keys(np.concatenate(self._batch), sizes))
            self._shingles += self._batch
            self._batch, self._batch_size = [], 0

    def similar_pairs(self, rows: Pairs, threshold: float) -> Pairs:
        """Finds texts that are alike.

        Args:
            rows: Numbers of the texts to compare, in order.
            threshold: Least Jaccard similarity.

        Returns:
            Pairs of numbers, the later text first; sorted by it, then by the earlier one.
        """
        self._flush()
        if len(rows) < 2:
            return np.empty((0, 2), np.int64)
        bands = np.concatenate(self._bands)
        candidates = _candidates(bands[rows], rows)
        similar = [chunk[self._similarity(chunk) >= threshold] for chunk in self._chunks(candidates)]
        return np.concatenate([np.empty((0, 2), np.int64), *similar])

    def _chunks(self, pairs: Pairs) -> Iterator[Pairs]:
        if not len(pairs):
            return
        sizes = np.array([len(shingles) for shingles in self._shingles])
        cost = np.cumsum(sizes[pairs].sum(axis=1)) // PAIR_SHINGLES
        yield from np.split(pairs, np.flatnonzero(np.diff(cost)) + 1)

    def _similarity(self, pairs: Pairs) -> npt.NDArray[np.float64]:
        """The true Jaccard similarity of each pair: a shingle that both have stands twice in a row when sorted."""
        sizes = np.array([[len(self._shingles[one]), len(self._shingles[other])] for one, other in pairs]).sum(axis=1)
        keys = np.repeat(np.arange(len(pairs), dtype=np.uint64) << np.uint64(32), sizes)
        keys |= np.concatenate([self._shingles[row] for row in pairs.ravel()])
        keys.sort()
        both = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(32)
        shared = np.bincount(both.astype(np.int64), minlength=len(pairs))
        return np.asarray(shared / (sizes - shared))


def _band_keys(shingles: Hashes, sizes: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """One key for each text and band; equal keys make a bucket."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    keys = np.zeros((len(sizes), BANDS), np.uint64)
    hashed = np.empty_like(shingles)
    for number, (factor, offset) in enumerate(zip(_FACTORS, _OFFSETS, strict=True)):
        np.multiply(shingles, factor, out=hashed)
        np.add(hashed, offset, out=hashed)
        band = keys[:, number // ROWS]
        band *= _MIX
        band ^= band >> np.uint64(31)
        band += np.minimum.reduceat(hashed, starts)
    return keys


def _candidates(bands: npt.NDArray[np.uint64], rows: Pairs) -> Pairs:
    """Pairs that share a bucket, each once."""
    found = [np.empty(0, np.uint64)]
    for band in range(BANDS):
        keys = bands[:, band]
        order = np.argsort(keys, kind="stable")  # within a bucket in the order of the texts
        begins = np.flatnonzero(np.concatenate([[True], keys[order][1:] != keys[order][:-1]]))
        place = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
        for distance in range(1, PREDECESSORS + 1):
            later = np.flatnonzero(place >= distance)
            found.append(_packed(order[later], order[later - distance]))
        later = np.flatnonzero(place > PREDECESSORS)
        found.append(_packed(order[later], order[later - place[later]]))
    packed = np.unique(np.concatenate(found))
    pairs = np.stack([packed >> np.uint64(32), packed & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)
    return rows[pairs]


def _packed(later: Pairs, earlier: Pairs) -> npt.NDArray[np.uint64]:
    return (later.astype(np.uint64) << np.uint64(32)) | earlier.astype(np.uint64)
