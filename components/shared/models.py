"""Models in the object store: immutable, and named by what they compute. Standard library only.

models/<model digest>/...     the model's files; `complete.json`, with their sha256s, is written last
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.files import files_under, sha256_of, staged_directory
from components.shared.objects import ObjectStore

COMPLETE: Final = "complete.json"
DESCRIPTIONS: Final = ("README.md", "lineage.json", "training.json")
"""Files of a model directory that tell about the model and do not compute."""


def model_digest(directory: Path) -> str:
    """The identity of a model: sha256 over the names and contents of the files that compute."""
    digest = hashlib.sha256()
    for path in files_under(directory):
        name = path.relative_to(directory).as_posix()
        if name not in DESCRIPTIONS:
            digest.update(f"{name}\0{sha256_of(path)}\n".encode())
    return digest.hexdigest()


def upload_model(store: ObjectStore, directory: Path) -> str:
    """Copies a model directory to the store, once, and returns its digest."""
    digest = model_digest(directory)
    if store.get(f"models/{digest}/{COMPLETE}") is not None:
        return digest
    files = {}
    for path in files_under(directory):
        name = path.relative_to(directory).as_posix()
        key = f"models/{digest}/{name}"
        if name in DESCRIPTIONS and not store.put_new(key, path.read_bytes()):
            # Two runs that made the same model describe it in their own words: the first one's stay.
            files[name] = hashlib.sha256(store.get(key) or b"").hexdigest()
            continue
        if name not in DESCRIPTIONS:
            store.upload(path, key)
        files[name] = sha256_of(path)
    store.put_new(f"models/{digest}/{COMPLETE}", canonical_json({"files": files}))
    return digest


def files_of_model(store: ObjectStore, digest: str) -> dict[str, str]:
    """Name and sha256 of each file of a model; raises UserError if its upload was never finished or is damaged."""
    data = store.get(f"models/{digest}/{COMPLETE}")
    if data is None:
        raise UserError(
            "the model is not complete in the store",
            where=f"{store.uri}/models/{digest}",
            remedy="promote it again, or roll back to another record",
        )
    try:
        files: dict[str, str] = json.loads(data)["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(store, digest, COMPLETE) from error
    return files


def download_model(store: ObjectStore, digest: str, into: Path) -> None:
    """Copies a model to the directory `into`, which it makes, and verifies every byte.

    Raises:
        UserError: if the model is not complete or a file is damaged.
    """
    with staged_directory(into) as staged:
        for name, sha256 in files_of_model(store, digest).items():
            path = staged / name
            if not path.resolve().is_relative_to(staged.resolve()):
                raise _damaged(store, digest, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            store.download(f"models/{digest}/{name}", path)
            if sha256_of(path) != sha256:
                raise _damaged(store, digest, name)
        if model_digest(staged) != digest:
            raise _damaged(store, digest, COMPLETE)


def canonical_json(fields: Mapping[str, Any]) -> bytes:
    """Fields as a JSON text that is always the same for the same values."""
    return (json.dumps(fields, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _damaged(store: ObjectStore, digest: str, name: str) -> UserError:
    return UserError(
        f"the object is damaged: it does not agree with {COMPLETE}",
        where=f"{store.uri}/models/{digest}/{name}",
        remedy="delete the model from the store and promote it again, or roll back",
    )
