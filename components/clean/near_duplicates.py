"""Texts that are nearly the same: MinHash and LSH find candidates, their true Jaccard similarity decides.

The bands let pairs through from a similarity of about .42 on, well below what is asked for, so that
hardly any is missed: of pairs at .6 one in 80, at .7 one in 6,000. What a text is tied to depends on it
and the texts before it only, so appending texts changes nothing for those that are there.

One band is looked at after the other, and candidates wait in files, so that memory holds some 20 bytes for each text.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from components.clean.minhash import BANDS
from components.clean.shingles import Long, Places
from components.clean.signatures import SignatureIndex

PREDECESSORS: Final = 4
"""In a band each text is compared with the first and with so many earlier texts of its bucket."""
SORTED_KEYS: Final = 1 << 22
"""Keys of a band that are sorted at once."""
WAITING_ROWS: Final = 1 << 17
"""Texts whose candidates wait in one file."""
PAIR_SHINGLES: Final = 1 << 19
"""Shingles that are compared at once."""
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)


def similar_pairs(
    index: SignatureIndex,
    live: npt.NDArray[np.bool_],
    threshold: float,
    scratch: Path,
    questions: npt.NDArray[np.uint32] | None = None,
) -> Iterator[Places]:
    """Finds texts that are alike.

    Args:
        index: The signatures of all texts.
        live: Which of them to compare.
        threshold: Least Jaccard similarity.
        scratch: A directory for candidates.
        questions: For each text a number that two must share to be compared; None compares all.

    Yields:
        Pairs of numbers in two columns, the later text first; sorted by it, then by the earlier one. All
        pairs of a text come at once.
    """
    files = [scratch / f"candidates-{number}" for number in range(len(live) // WAITING_ROWS + 1)]
    for file in files:
        file.write_bytes(b"")
    for band in range(BANDS):
        for packed in _candidates(index, live, band, questions):
            for file, part in zip(files, _parted(packed, len(files)), strict=True):
                with file.open("ab") as waiting:
                    part.tofile(waiting)
    for file in files:
        yield _verified(index, np.unique(np.fromfile(file, np.uint64)), threshold)
        file.unlink()


def _candidates(
    index: SignatureIndex, live: npt.NDArray[np.bool_], band: int, questions: npt.NDArray[np.uint32] | None
) -> Iterator[Long]:
    """Pairs that share a bucket, each as one number that begins with the later text."""
    rounds = np.uint32(len(live) // SORTED_KEYS + 1)
    for turn in range(int(rounds)):
        found = [np.empty(0, np.uint64)]
        for begin, hashes in index.band(band):
            keys = hashes if questions is None else hashes ^ questions[begin : begin + len(hashes)]
            chosen = np.flatnonzero(live[begin : begin + len(keys)] & (keys % rounds == turn))
            found.append((keys[chosen].astype(np.uint64) << _HALF) | (begin + chosen).astype(np.uint64))
        packed = np.concatenate(found)
        packed.sort()  # within a bucket in the order of the texts
        yield _within_buckets(packed)


def _within_buckets(packed: Long) -> Long:
    """Pairs of texts in the same bucket, from sorted keys with the numbers of texts behind them."""
    keys = packed >> _HALF
    same = np.concatenate([[False], keys[1:] == keys[:-1], [False]])
    shared = np.flatnonzero(same[1:] | same[:-1])
    rows, follows = packed[shared] & _LOW, same[shared]
    begins = np.flatnonzero(~follows)
    place = np.arange(len(rows)) - np.repeat(begins, np.diff(np.append(begins, len(rows))))
    pairs = [np.empty(0, np.uint64)]
    for distance in range(1, PREDECESSORS + 1):
        later = np.flatnonzero(place >= distance)
        pairs.append((rows[later] << _HALF) | rows[later - distance])
    later = np.flatnonzero(place > PREDECESSORS)
    pairs.append((rows[later] << _HALF) | rows[later - place[later]])
    return np.concatenate(pairs)


def _parted(packed: Long, parts: int) -> Iterator[Long]:
    """The candidates for each file of waiting ones."""
    if parts == 1:
        yield packed
        return
    packed.sort()
    limits = (np.arange(parts + 1, dtype=np.uint64) * np.uint64(WAITING_ROWS)) << _HALF
    for first, last in pairwise(np.searchsorted(packed, limits)):
        yield packed[first:last]


def _verified(index: SignatureIndex, packed: Long, threshold: float) -> Places:
    pairs = np.stack([packed >> _HALF, packed & _LOW], axis=1).astype(np.int64)
    index.fetch(np.unique(pairs))
    cost = np.cumsum(index.sizes[pairs].sum(axis=1)) // PAIR_SHINGLES
    chunks = np.split(pairs, np.flatnonzero(np.diff(cost)) + 1)
    return np.concatenate([chunk[_similarity(index, chunk) >= threshold] for chunk in chunks])


def _similarity(index: SignatureIndex, pairs: Places) -> npt.NDArray[np.float64]:
    """The true Jaccard similarity of each pair: a shingle that both have stands twice in a row when sorted."""
    rows, numbers = np.unique(pairs.ravel(), return_inverse=True)
    hashes, sizes = index.shingles(rows), index.sizes[rows].astype(np.int64)
    starts = np.cumsum(sizes) - sizes
    counts = sizes[numbers]
    places = np.arange(counts.sum()) + np.repeat(starts[numbers] - np.cumsum(counts) + counts, counts)
    both = counts.reshape(-1, 2).sum(axis=1)
    keys = np.repeat(np.arange(len(pairs), dtype=np.uint64) << _HALF, both)
    keys |= hashes[places]
    keys.sort()
    twice = keys[1:][keys[1:] == keys[:-1]] >> _HALF
    shared = np.bincount(twice.astype(np.int64), minlength=len(pairs))
    return np.asarray(shared / (both - shared))
