"""The files that options name, on this machine or in S3, with the content that the options name too."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.shared.errors import UserError
from components.shared.files import tree_digest
from components.shared.references import S3, local_path, parse_reference
from components.shared.s3_source import copy_s3


@contextmanager
def named_file(text: str, where: str) -> Iterator[Path]:
    """The file or directory that `path#sha256=digest` names; one in S3 is there while the block lasts.

    Args:
        text: What was given.
        where: The option.

    Raises:
        UserError: if there is none, or it has another content.
    """
    reference = parse_reference(text)
    with tempfile.TemporaryDirectory() as scratch:
        if reference.uri.startswith(S3):
            path = copy_s3(reference.uri, Path(scratch), where)
        else:
            path = local_path(reference.uri, where)
        if (found := tree_digest(path)) != reference.value:
            raise UserError(
                f"{reference.uri} has another content than is named",
                where=where,
                remedy=f"give {reference.uri}#sha256={found} if this one is meant",
            )
        yield path
