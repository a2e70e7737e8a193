"""All parts of a run: made here, or kept in the store by an earlier run and read as far as they are needed.

Of a part in the store there is here what all rows are compared by, some 200 bytes for each; of its shingles, those of
texts that are candidates; and its rows, while they are written. What turns out to be damaged or gone is made again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from components.clean.known_parts import ROWS, UNUSABLE, KnownParts
from components.clean.parts import ROWS_FILE
from components.clean.shingles import Places
from components.clean.signatures import CHECKS, SHINGLES, SIZES, WIDTH, Wanted, checksums
from components.shared.errors import DamagedError
from components.shared.manifest import Shard

log = logging.getLogger("evertune.clean")
GAP: Final = 16 << 10
"""Bytes that are read in vain rather than asked around: a request takes as long as many of them."""
MOST_BYTES: Final = 4 << 20
"""From so many bytes on a range is not made longer."""
AT_ONCE: Final = 8
"""Parts that are read from at once."""


class StoredPart:
    """A part that is in the store.

    Args:
        known: The store of parts.
        shard: What it is the part of.
        directory: What is here of it; without rows and shingles at first.
        make: Makes the part of the shard in an empty directory, and keeps it.

    Attributes:
        made_again: Whether it was, so that all of it is here.
    """

    def __init__(self, known: KnownParts, shard: Shard, directory: Path, make: Callable[[Path], None]) -> None:
        self.known, self.shard, self.directory, self.make = known, shard, directory, make
        self.made_again = False
        self._fetched: npt.NDArray[np.bool_] | None = None

    def fetch(self, texts: Places) -> Exception | None:
        """Puts the shingles of texts where they belong in a file that is empty elsewhere; gives what prevents it."""
        if self.made_again:
            return None
        sizes, checks = (np.fromfile(self.directory / name, np.uint32) for name in (SIZES, CHECKS))
        if self._fetched is None:
            self._fetched = np.zeros(len(sizes), bool)
            (self.directory / SHINGLES).touch()
        ends = np.cumsum(sizes, dtype=np.int64) * WIDTH
        begins, missing = ends - sizes.astype(np.int64) * WIDTH, texts[~self._fetched[texts]]
        try:
            with (self.directory / SHINGLES).open("r+b") as file:
                for first, last in _ranges(begins[missing], ends[missing]):
                    span = slice(int(missing[first]), int(missing[last - 1]) + 1)
                    begin, end = int(begins[span][0]), int(ends[span][-1])
                    data = self.known.read(self.shard, begin, end - begin)
                    if checksums(data, sizes[span]) != checks[span].tolist():
                        raise _damaged()
                    file.seek(begin)
                    file.write(data)
                    self._fetched[span] = True
        except UNUSABLE as error:
            return error
        return None

    def rows(self) -> Iterator[Path]:
        """The directory, once, while the rows are in it."""
        if not self.made_again:
            try:
                self.known.fetch(self.shard, ROWS, self.directory)
            except UNUSABLE as error:
                self.again(error)
        yield self.directory
        (self.directory / ROWS_FILE).unlink()

    def again(self, error: Exception) -> None:
        """Makes the part, since what was kept of it is of no use; it is the same."""
        log.warning("%s is cleaned again: %s", self.shard.file, error)
        made = self.directory / "again"
        made.mkdir()
        self.make(made)
        for path in made.iterdir():
            path.replace(self.directory / path.name)
        self.made_again = True


class Parts:
    """All parts in the order of the shards.

    Args:
        directories: Their directories.
        stored: Those that are in the store, by their numbers.

    Attributes:
        directories: Their directories; in each is what all rows are compared by.
    """

    def __init__(self, directories: Sequence[Path], stored: Mapping[int, StoredPart]) -> None:
        self.directories, self._stored = directories, stored

    @property
    def known(self) -> int:
        """How many did not have to be made."""
        return sum(not part.made_again for part in self._stored.values())

    def fetch(self, wanted: Wanted) -> None:
        """Sees to it that the shingles of texts are in the files of their parts (see `SignatureIndex`)."""
        asked = [(self._stored[number], texts) for number, texts in wanted.items() if number in self._stored]
        if not asked:
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            errors = list(pool.map(lambda one: one[0].fetch(one[1]), asked))
        for (part, _), error in zip(asked, errors, strict=True):
            if error:
                part.again(error)

    def with_rows(self) -> Iterator[Path]:
        """The directories, each while the rows are in it; of those in the store one at a time."""
        for number, directory in enumerate(self.directories):
            if number in self._stored:
                yield from self._stored[number].rows()
            else:
                yield directory


def _ranges(begins: Places, ends: Places) -> Iterator[tuple[int, int]]:
    """Which of some pieces to read together, for they lie close to each other: the first one, and behind the last."""
    if not len(begins):
        return
    apart = (begins[1:] - ends[:-1] > GAP) | (np.diff(ends // MOST_BYTES) > 0)
    yield from pairwise([0, *(np.flatnonzero(apart) + 1).tolist(), len(begins)])


def _damaged() -> DamagedError:
    return DamagedError("shingles are damaged", where=SHINGLES, remedy="nothing has to be done")
