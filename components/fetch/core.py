"""Brings a dataset revision as `dvc pull` gives it, with every byte proven.

The clone and its cache are made afresh beside the output: what the remote does not hold cannot come
from an earlier run, and the bytes reach their place by a rename.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from components.fetch.config import Config
from components.shared import registry
from components.shared.commands import Deadline
from components.shared.errors import UserError
from components.shared.files import scratch_directory, staged_directory
from components.shared.manifest import Manifest, read_manifest
from components.shared.result import Result


def run(config: Config) -> Result:
    """Pulls the revision, proves it and puts the data and what lies beside them in place."""
    if registry.dataset_of(config.revision) != config.dataset:
        raise UserError(
            f"{config.revision} is no revision of {config.dataset}", where="revision", remedy="correct one of them"
        )
    with scratch_directory(config.data) as place:
        deadline = Deadline(config.deadline)
        registry.clone(config.registry, place / "clone", deadline, config.revision)
        committed = place / "clone" / "datasets" / config.dataset
        manifest = _expected(config, committed)
        registry.pull(place / "clone", config.revision, deadline)
        with staged_directory(config.card) as card:
            shutil.copytree(committed, card, dirs_exist_ok=True, ignore=_not_card)
        with staged_directory(config.data) as data:
            for path in (committed / "data").iterdir():
                path.chmod(0o644)  # DVC protects what its cache shares
                path.rename(data / path.name)
    rows = sum(manifest.rows(split) for split in manifest.splits)
    return Result(
        summary=f"{config.revision}: {rows:,} rows, every byte as versioned",
        metadata={"data": {"revision": config.revision, "dataset_digest": manifest.digest, "rows": rows}},
    )


def _expected(config: Config, committed: Path) -> Manifest:
    """The committed manifest, if it is the one asked for."""
    manifest = read_manifest(committed)
    if config.dataset_digest and manifest.digest != config.dataset_digest:
        raise UserError(
            f"{config.revision} has the digest {manifest.digest[:16]}…, not {config.dataset_digest[:16]}…",
            where="dataset_digest",
            remedy="the tag was moved in the registry, or the digest is another revision's",
        )
    return manifest


def _not_card(directory: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("data", "data.dvc", ".gitignore")]
