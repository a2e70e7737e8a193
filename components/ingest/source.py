"""Opens a pinned source and lists the files to read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.ingest.config import Config
from components.shared.errors import UserError
from components.shared.references import is_local, open_local, parse_reference
from components.shared.s3_source import fetch_s3

WHERE = "ingest.source_reference"


@contextmanager
def source_files(config: Config) -> Iterator[list[tuple[str, Path]]]:
    """The files of the source with their names inside it, in a stable order; what is downloaded goes at the end."""
    reference = parse_reference(config.source_reference)
    with tempfile.TemporaryDirectory() as scratch:
        local = is_local(reference.uri)
        root = open_local(reference, WHERE) if local else fetch_s3(reference, Path(scratch), WHERE)
        yield _chosen(root, config.files, reference.uri)


def _chosen(root: Path, pattern: str, uri: str) -> list[tuple[str, Path]]:
    if root.is_file():
        return [(root.name, root)]
    found = {path.relative_to(root).as_posix(): path for path in root.glob(pattern) if path.is_file()}
    visible = {name: path for name, path in found.items() if not name.startswith(".") and "/." not in name}
    if not visible:
        raise UserError(f"no file in {uri} matches {pattern!r}", where="ingest.files", remedy="correct the pattern")
    return sorted(visible.items())
