"""Pins the source to what it holds now."""

from __future__ import annotations

from typing import Final

from components.shared.errors import UserError
from components.shared.references import S3, Reference, is_local, local_path, pin_local
from components.shared.s3_source import pin_s3

WHERE: Final = "source"


def pin_source(uri: str, files: str) -> Reference:
    """Pins a path, a `package://` URI or an S3 address.

    Args:
        uri: The source.
        files: Glob of the files that `ingest` will read when the source is a directory.

    Raises:
        UserError: if it is not there, cannot be read or holds nothing.
    """
    if uri.startswith(S3):
        return pin_s3(uri, WHERE)
    if not is_local(uri):
        raise UserError(f"{uri!r} is not a source", where=WHERE, remedy="give a path, s3://bucket/key or package://")
    path = local_path(uri, WHERE)
    chosen = [path] if path.is_file() else [found for found in path.glob(files) if found.is_file()]
    if not chosen:
        raise UserError(f"no file in {uri} matches {files!r}", where=WHERE, remedy="correct it or ingest.files")
    if not any(found.stat().st_size for found in chosen):
        raise UserError(f"{uri} is empty", where=WHERE, remedy="give a source that holds rows")
    return pin_local(uri, WHERE)
