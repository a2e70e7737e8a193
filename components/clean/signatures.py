"""What near-duplicates are found by, in files: of each text its shingles and its LSH bands.

shingles   32 bits for each shingle, text by text
sizes      32 bits for each text: how many shingles it has
bands      32 bits for each band and text, band by band

About 4 bytes for each shingle and 132 for each text. Texts are numbered through all directories of an index.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from components.clean.minhash import BANDS, band_keys
from components.clean.shingles import Hashes, Places, batches, shingles

SHINGLES, SIZES, BANDS_FILE = "shingles", "sizes", "bands"
FILES: Final = (SHINGLES, SIZES, BANDS_FILE)
_WIDTH: Final = 4


class SignatureWriter:
    """Takes texts and writes their signatures.

    Args:
        directory: An existing directory.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._sizes: list[Places] = [np.empty(0, np.int64)]
        self._bands: list[npt.NDArray[np.uint32]] = [np.empty((BANDS, 0), np.uint32)]
        self._shingles = (directory / SHINGLES).open("wb")

    def add(self, texts: Sequence[str]) -> None:
        """Adds the next texts."""
        for batch in batches(texts):
            hashes, sizes = shingles(batch)
            hashes.tofile(self._shingles)
            self._sizes.append(sizes)
            self._bands.append(band_keys(hashes, sizes))

    def finish(self) -> None:
        """Writes what is known at the end only."""
        self._shingles.close()
        np.concatenate(self._sizes).astype(np.uint32).tofile(self.directory / SIZES)
        np.concatenate(self._bands, axis=1).tofile(self.directory / BANDS_FILE)


class SignatureIndex:
    """The signatures in some directories, in their order; only the sizes are held in memory.

    Attributes:
        sizes: How many shingles each text has.
        bounds: Number of the first text of each directory, and behind the last.
    """

    def __init__(self, directories: Sequence[Path]) -> None:
        self.directories = directories
        sizes = [np.fromfile(directory / SIZES, np.uint32) for directory in directories]
        self.sizes = np.concatenate([np.empty(0, np.uint32), *sizes])
        self.bounds = np.concatenate([[0], np.cumsum([len(part) for part in sizes], dtype=np.int64)])

    def band(self, number: int) -> Iterator[tuple[int, npt.NDArray[np.uint32]]]:
        """Directory by directory, the number of its first text and the keys that its texts have in a band."""
        for directory, (begin, end) in zip(self.directories, pairwise(self.bounds.tolist()), strict=True):
            count = end - begin
            path = directory / BANDS_FILE
            yield begin, np.fromfile(path, np.uint32, count, offset=number * count * _WIDTH)

    def shingles(self, rows: Places) -> Hashes:
        """The shingles of texts, whose numbers ascend, text by text."""
        parts = np.searchsorted(rows, self.bounds)
        found = [
            self._read(number, rows[first:last]) for number, (first, last) in enumerate(pairwise(parts)) if first < last
        ]
        return np.frombuffer(b"".join(found), np.uint32)

    def _read(self, number: int, rows: Places) -> bytes:
        """The shingles of texts in one directory."""
        begin, end = self.bounds[number : number + 2]
        places = np.cumsum(self.sizes[begin:end], dtype=np.int64) - self.sizes[begin:end]
        with (self.directories[number] / SHINGLES).open("rb") as file:
            wanted = zip(self.sizes[rows].tolist(), places[rows - begin].tolist(), strict=True)
            return b"".join(os.pread(file.fileno(), size * _WIDTH, place * _WIDTH) for size, place in wanted)
