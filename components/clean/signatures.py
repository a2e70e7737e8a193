"""What near-duplicates are found by, in files: of each text its shingles and its LSH bands.

shingles   32 bits for each shingle, text by text
sizes      32 bits for each text: how many shingles it has
checks     32 bits for each text: a checksum of its shingles, which are also read without the others
bands      32 bits for each band and text, band by band

About 4 bytes for each shingle and 136 for each text. Texts are numbered through all directories of an index.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import xxhash

from components.clean.minhash import BANDS, band_keys
from components.clean.shingles import Hashes, Places, batches, shingles

SHINGLES, SIZES, CHECKS, BANDS_FILE = "shingles", "sizes", "checks", "bands"
WIDTH: Final = 4
"""Bytes of a shingle."""
Wanted = Mapping[int, Places]
"""For some directories, by their numbers, the numbers that some texts have in them; these ascend."""


class SignatureWriter:
    """Takes texts and writes their signatures.

    Args:
        directory: An existing directory.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._sizes: list[Places] = [np.empty(0, np.int64)]
        self._checks: list[int] = []
        self._bands: list[npt.NDArray[np.uint32]] = [np.empty((BANDS, 0), np.uint32)]
        self._shingles = (directory / SHINGLES).open("wb")

    def add(self, texts: Sequence[str]) -> None:
        """Adds the next texts."""
        for batch in batches(texts):
            hashes, sizes = shingles(batch)
            hashes.tofile(self._shingles)
            self._sizes.append(sizes)
            self._checks += checksums(hashes.tobytes(), sizes)
            self._bands.append(band_keys(hashes, sizes))

    def finish(self) -> None:
        """Writes what is known at the end only."""
        self._shingles.close()
        np.concatenate(self._sizes).astype(np.uint32).tofile(self.directory / SIZES)
        np.array(self._checks, np.uint32).tofile(self.directory / CHECKS)
        np.concatenate(self._bands, axis=1).tofile(self.directory / BANDS_FILE)


def checksums(shingles: bytes, sizes: npt.NDArray[np.integer]) -> list[int]:
    """Of texts that lie one behind the other, each with so many shingles."""
    bounds = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]) * WIDTH
    return [xxhash.xxh32_intdigest(shingles[begin:end]) for begin, end in pairwise(bounds.tolist())]


def _here(wanted: Wanted) -> None:
    """Fetches nothing: all is there."""


class SignatureIndex:
    """The signatures in some directories, in their order; only the sizes are held in memory.

    Args:
        directories: The directories.
        fetch: Is told which texts are going to be compared, and sees to it that their shingles are in the files.

    Attributes:
        sizes: How many shingles each text has.
        bounds: Number of the first text of each directory, and behind the last.
    """

    def __init__(self, directories: Sequence[Path], fetch: Callable[[Wanted], None] = _here) -> None:
        self.directories, self._fetch = directories, fetch
        sizes = [np.fromfile(directory / SIZES, np.uint32) for directory in directories]
        self.sizes = np.concatenate([np.empty(0, np.uint32), *sizes])
        self.bounds = np.concatenate([[0], np.cumsum([len(part) for part in sizes], dtype=np.int64)])

    def band(self, number: int) -> Iterator[tuple[int, npt.NDArray[np.uint32]]]:
        """Directory by directory, the number of its first text and the keys that its texts have in a band."""
        for directory, (begin, end) in zip(self.directories, pairwise(self.bounds.tolist()), strict=True):
            count = end - begin
            path = directory / BANDS_FILE
            yield begin, np.fromfile(path, np.uint32, count, offset=number * count * WIDTH)

    def fetch(self, rows: Places) -> None:
        """Has the shingles of texts, whose numbers ascend, at hand."""
        self._fetch({number: found - self.bounds[number] for number, found in self._parted(rows)})

    def shingles(self, rows: Places) -> Hashes:
        """The shingles of texts, whose numbers ascend, text by text."""
        return np.frombuffer(b"".join(self._read(*part) for part in self._parted(rows)), np.uint32)

    def _parted(self, rows: Places) -> Iterator[tuple[int, Places]]:
        """The numbers of the directories in which texts are, and the numbers of these."""
        for number, (first, last) in enumerate(pairwise(np.searchsorted(rows, self.bounds))):
            if first < last:
                yield number, rows[first:last]

    def _read(self, number: int, rows: Places) -> bytes:
        """The shingles of texts in one directory."""
        begin, end = self.bounds[number : number + 2]
        places = np.cumsum(self.sizes[begin:end], dtype=np.int64) - self.sizes[begin:end]
        with (self.directories[number] / SHINGLES).open("rb") as file:
            wanted = zip(self.sizes[rows].tolist(), places[rows - begin].tolist(), strict=True)
            return b"".join(os.pread(file.fileno(), size * WIDTH, place * WIDTH) for size, place in wanted)
