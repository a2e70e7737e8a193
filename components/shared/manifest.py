"""The manifest of a dataset directory: what it holds and how to prove it. Standard library only.

A dataset is a directory of Parquet shards and `manifest.json`, which is written last: a directory
without one is unfinished and is refused. The manifest holds no clock, host, path or version.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.files import files_under, sha256_of, write_atomically

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
Columns = Mapping[str, Any]
"""Name of each column (but `id`) to its type: "string", "int64", "float64", a mapping for a struct, or a list of it."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """One Parquet file: its name, its rows, the sha256 over their ids, and that of the file."""

    file: str
    rows: int
    rows_digest: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a dataset holds.

    Attributes:
        columns: The schema without `id`.
        splits: The shards of each split, in order.
        digest: sha256 over the schema and the ids of all rows in their order; it does not depend on
            shard boundaries or on the library that wrote the files.
    """

    columns: Columns
    splits: Mapping[str, tuple[Shard, ...]]
    digest: str

    def rows(self, split: str) -> int:
        """Number of rows in a split."""
        return sum(shard.rows for shard in self.splits[split])

    def to_json(self) -> bytes:
        """The canonical text of `manifest.json`."""
        fields = {"format": FORMAT, **dataclasses.asdict(self)}
        return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()


def dataset_digest(columns: Columns, ids: Mapping[str, Iterable[bytes]]) -> str:
    """The identity of a dataset from its schema and, for each split, the ids in row order."""
    digest = hashlib.sha256(json.dumps(columns, sort_keys=True).encode())
    for split in sorted(ids):
        digest.update(f"\n{split}\n".encode())
        for part in ids[split]:
            digest.update(part)
    return digest.hexdigest()


def read_manifest(directory: Path) -> Manifest:
    """Reads the manifest of a finished dataset.

    Raises:
        UserError: if the directory is not a finished dataset.
    """
    path = directory / MANIFEST
    try:
        fields = json.loads(path.read_bytes())
        return parse_manifest(fields)
    except FileNotFoundError:
        raise UserError(
            "not a finished dataset (no manifest.json)", where=str(directory), remedy="run the step that writes it"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"unreadable manifest ({error})", where=str(path), remedy="run the step that writes it again"
        ) from error


def parse_manifest(fields: Mapping[str, Any]) -> Manifest:
    """Makes a Manifest from the parsed JSON; raises ValueError, KeyError or TypeError if it is not one."""
    if fields["format"] != FORMAT:
        raise ValueError(f"format {fields['format']} is not {FORMAT}")
    splits = {name: tuple(Shard(**shard) for shard in shards) for name, shards in fields["splits"].items()}
    return Manifest(columns=fields["columns"], splits=splits, digest=fields["digest"])


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Finishes a dataset directory."""
    write_atomically(directory / MANIFEST, manifest.to_json())


def damage(directory: Path, manifest: Manifest) -> list[str]:
    """What differs between a dataset directory and its manifest: one line for each file, empty when whole."""
    shards = {shard.file: shard for split in manifest.splits.values() for shard in split}
    present = {path.relative_to(directory).as_posix() for path in files_under(directory)}
    found = [f"{name}: missing" for name in sorted(shards.keys() - present)]
    found += [f"{name}: not in the manifest" for name in sorted(present - shards.keys() - {MANIFEST})]
    for name in sorted(shards.keys() & present):
        if sha256_of(directory / name) != shards[name].sha256:
            found.append(f"{name}: content differs from the manifest")
    return found
