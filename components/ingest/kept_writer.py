"""Writes the rows of files one after another, and keeps where they are as soon as their shards are written."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path

from components.ingest.known_files import FileReading, KnownFiles, Part
from components.shared.datasets import DatasetWriter
from components.shared.manifest import Columns, Shard


class KeptWriter(DatasetWriter):
    """Writes rows in order, told where each file ends.

    Args:
        directory: An existing, empty directory.
        columns: The schema without `id`.
        known: Keeps what was read of the files.
    """

    def __init__(self, directory: Path, columns: Columns, known: KnownFiles) -> None:
        super().__init__(directory, columns)
        self._known = known
        self._files: deque[tuple[str, FileReading]] = deque()
        self._left: deque[tuple[Part, Path]] = deque()
        self._left_rows = 0

    def end_file(self, key: str, reading: FileReading) -> None:
        """Ends a file, whose rows were all taken.

        Args:
            key: Names what is kept of it; empty for a file of which nothing is.
            reading: What was read of it.
        """
        self._files.append((key, reading))
        self._keep()

    def shard_written(self, shard: Shard, *, ends: bool) -> None:
        """Notes a shard, whose rows are those of the next files."""
        part = Part(shard.sha256, shard.rows, ends, 0, shard.rows)
        self._left.append((part, self.directory / shard.file))
        self._left_rows += shard.rows
        self._keep()

    def _keep(self) -> None:
        while self._files and self._files[0][1].accepted <= self._left_rows:
            key, reading = self._files.popleft()
            found = self._next(reading.accepted)
            self._known.keep(key, reading, [part for part, _ in found], [path for _, path in found])

    def _next(self, rows: int) -> list[tuple[Part, Path]]:
        """Where the next rows are, which belong to a file from now on."""
        self._left_rows -= rows
        found = []
        while rows:
            part, path = self._left.popleft()
            end = min(part.end, part.begin + rows)
            found.append((replace(part, end=end), path))
            if end < part.end:
                self._left.appendleft((replace(part, begin=end), path))
            rows -= end - part.begin
        return found
