"""Datasets of the Hugging Face Hub: pinned to a commit, each file proven by what the hub says of it."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any, Final

from components.shared import hub
from components.shared.directory_store import safe_key
from components.shared.errors import RetryError
from components.shared.files import sha256_of
from components.shared.references import HUB, Reference
from components.shared.source_files import SourceFile

NOT_DATA: Final = ("README.md", "dataset_infos.json")
_PREFIX: Final = f"{HUB}datasets/"
_CHUNK: Final = 1 << 20


def pin_hub(uri: str, where: str) -> Reference:
    """Pins `hf://[datasets/]owner/name[@revision]` to a commit; see `hub.ask` for what it raises."""
    name, revision = hub.name_and_revision(_plain(uri), where)
    return Reference(f"{HUB}{name}", "commit", hub.ask(name, revision, "dataset", where).sha)


def hub_files(reference: Reference, where: str) -> list[SourceFile]:
    """The data files of a pinned dataset, in the order of their names; no code of it is ever run."""
    name = _plain(reference.uri).removeprefix(HUB)
    info = hub.ask(name, reference.value, "dataset", where)
    data = [item for item in info.siblings or () if item.rfilename not in NOT_DATA]
    return [
        SourceFile(
            name=item.rfilename,
            content=_identity(item) or f"{reference} {item.rfilename}",
            fetch=partial(_download, name, reference.value, item, where),
            size=item.size or 0,
        )
        for item in sorted(data, key=lambda item: str(item.rfilename))
    ]


def _download(name: str, commit: str, item: Any, where: str, directory: Path) -> Path:
    from huggingface_hub import hf_hub_download

    with hub.translated_errors(name, commit, "dataset", where):
        found = hf_hub_download(
            name,
            safe_key(item.rfilename),
            repo_type="dataset",
            revision=commit,
            local_dir=directory,
            endpoint=hub.endpoint(),
        )
    path = Path(found)
    expected = _identity(item)
    if expected and expected not in (f"sha256={sha256_of(path)}", f"git={_git_digest(path)}"):
        raise RetryError(f"{item.rfilename} is not what the hub says", where=f"{HUB}{name}", remedy="run again")
    return path


def _identity(item: Any) -> str:
    """What names the bytes of a file: the sha256 of a large one, git's digest of any other."""
    if item.lfs:
        return f"sha256={item.lfs.sha256}"
    return f"git={item.blob_id}" if item.blob_id else ""


def _git_digest(path: Path) -> str:
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _plain(uri: str) -> str:
    return HUB + uri.removeprefix(_PREFIX) if uri.startswith(_PREFIX) else uri
