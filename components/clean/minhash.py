"""MinHash signatures of shingle sets, folded to one key for each band of locality-sensitive hashing."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from components.clean.shingles import Hashes, Places

BANDS: Final = 32
ROWS: Final = 4
_random: Final = np.random.Generator(np.random.PCG64(20_240_229))
_FACTORS: Final = _random.integers(0, 1 << 31, BANDS * ROWS, np.uint32) * np.uint32(2) + np.uint32(1)
_OFFSETS: Final = _random.integers(0, 1 << 32, BANDS * ROWS, np.uint32)
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


def band_keys(hashes: Hashes, sizes: Places) -> npt.NDArray[np.uint32]:
    """For each band the keys of all sets; those with equal keys make a bucket.

    Args:
        hashes: The shingles, set by set.
        sizes: How many each set has; none is empty.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    keys = np.zeros((BANDS, len(sizes)), np.uint64)
    hashed = np.empty_like(hashes)
    for number, (factor, offset) in enumerate(zip(_FACTORS, _OFFSETS, strict=True)):
        np.multiply(hashes, factor, out=hashed)
        np.add(hashed, offset, out=hashed)
        band = keys[number // ROWS]
        band *= _MIX
        band ^= band >> np.uint64(31)
        band += np.minimum.reduceat(hashed, starts)
    keys *= _MIX
    return (keys >> np.uint64(32)).astype(np.uint32)
