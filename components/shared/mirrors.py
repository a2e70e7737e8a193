"""Base models and sources in the object store, each under the digest of its files, so that a cluster needs no hub.

    base-models/<digest>/...    a pretrained model; `complete.json`, with the sha256s of its files, is written last
    sources/<digest>/...        texts

The digest is the one by which a directory is pinned: a training from the mirror is the training from the directory.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from components.shared.errors import UserError
from components.shared.files import files_under, sha256_of, staged_directory, tree_digest
from components.shared.models import canonical_json
from components.shared.objects import ObjectStore, open_store
from components.shared.references import Reference

MODELS: Final = "base-models"
SOURCES: Final = "sources"
COMPLETE: Final = "complete.json"


def mirror_model(store: ObjectStore, directory: Path) -> str:
    """Copies a model directory to the store, once; gives its address there."""
    digest = tree_digest(directory)
    prefix = f"{MODELS}/{digest}"
    if store.get(f"{prefix}/{COMPLETE}") is None:
        files = {path.relative_to(directory).as_posix(): path for path in files_under(directory)}
        for name, path in files.items():
            store.upload(path, f"{prefix}/files/{name}")
        hashes = {name: sha256_of(path) for name, path in files.items()}
        store.put(f"{prefix}/{COMPLETE}", canonical_json({"files": hashes}))
    return f"{store.uri}/{prefix}"


def mirror_source(store: ObjectStore, path: Path) -> str:
    """Copies a file or directory to the store; gives its address there."""
    prefix = f"{SOURCES}/{tree_digest(path)}"
    if path.is_file():
        store.upload(path, f"{prefix}/{path.name}")
        return f"{store.uri}/{prefix}/{path.name}"
    for file in files_under(path):
        store.upload(file, f"{prefix}/{file.relative_to(path).as_posix()}")
    return f"{store.uri}/{prefix}"


def pin_model(uri: str, where: str) -> tuple[Reference, list[str]]:
    """A mirrored model's reference and the names of its files; raises UserError if it is not complete there."""
    store, digest = _split(uri, where)
    return Reference(uri, "sha256", digest), list(_files(store, digest, where))


def fetch_model(reference: Reference, into: Path, where: str) -> Path:
    """Downloads a mirrored model to the directory `into`, unless it is there, and proves every byte.

    Raises:
        UserError: if it is not complete in the store, or damaged.
    """
    store, digest = _split(reference.uri, where)
    if into.is_dir() and tree_digest(into) == digest:
        return into
    into.parent.mkdir(parents=True, exist_ok=True)
    with staged_directory(into) as staged:
        for name, sha256 in _files(store, digest, where).items():
            _fetch_one(reference, name, sha256, staged, where)
        if tree_digest(staged) != digest:
            raise _damaged(reference.uri, where, COMPLETE)
    return into


def fetch_file(reference: Reference, name: str, into: Path, where: str) -> None:
    """Downloads one file of a mirrored model to the directory `into`.

    Raises:
        UserError: if the model is not complete in the store, has no such file, or the file is damaged.
    """
    store, digest = _split(reference.uri, where)
    files = _files(store, digest, where)
    if name not in files:
        raise UserError(f"{reference.uri} has no {name}", where=where, remedy="give a complete pretrained model")
    _fetch_one(reference, name, files[name], into, where)


def _fetch_one(reference: Reference, name: str, sha256: str, into: Path, where: str) -> None:
    store, digest = _split(reference.uri, where)
    path = into / name
    if not path.resolve().is_relative_to(into.resolve()):
        raise _damaged(reference.uri, where, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    store.download(f"{MODELS}/{digest}/files/{name}", path)
    if sha256_of(path) != sha256:
        raise _damaged(reference.uri, where, name)


def _split(uri: str, where: str) -> tuple[ObjectStore, str]:
    store, mark, digest = uri.rstrip("/").rpartition(f"/{MODELS}/")
    if not mark or not digest.isalnum():
        raise UserError(f"{uri} is not a mirrored model", where=where, remedy="give what `evertune models mirror` gave")
    return open_store(store), digest


def _files(store: ObjectStore, digest: str, where: str) -> dict[str, str]:
    data = store.get(f"{MODELS}/{digest}/{COMPLETE}")
    if data is None:
        raise UserError(
            f"{store.uri} has no complete model {digest[:16]}", where=where, remedy="run `evertune models mirror`"
        )
    try:
        files: dict[str, str] = json.loads(data)["files"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(f"{store.uri}/{MODELS}/{digest}", where, COMPLETE) from error
    return files


def _damaged(uri: str, where: str, name: str) -> UserError:
    return UserError(
        f"{name} of {uri} is damaged", where=where, remedy="delete it there and run `evertune models mirror` again"
    )
