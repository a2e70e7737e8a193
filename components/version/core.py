"""Versions a dataset: same content gives the revision that is there, other content a new one."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from components.shared import dvc_remote, registry
from components.shared.commands import Deadline
from components.shared.errors import UserError
from components.shared.manifest import Manifest, damage, read_manifest
from components.shared.registry import Revision
from components.shared.result import Result
from components.version import drift, publishing
from components.version.config import Config

log = logging.getLogger("evertune.version")


def run(config: Config) -> Result:
    """Gives the revision of the dataset; makes, uploads and commits it where there is none yet."""
    manifest = read_manifest(config.splits)
    deadline = Deadline(config.deadline)
    registry.create_if_missing(config.registry, deadline)
    with tempfile.TemporaryDirectory(prefix="evertune-version-") as place:
        clone = Path(place, "clone")
        registry.clone(config.registry, clone, deadline)
        known = publishing.find(clone, config.dataset, manifest.digest, deadline)
        if known:
            _heal(config, clone, known, deadline)
            _report(config, known, clone, known=True)
            return _result(known, f"{known.revision} has this content already")
        _check_whole(config.splits, manifest)
        made, is_new = publishing.publish(config, manifest, clone, deadline)
        _report(config, made, clone, known=not is_new)
        return _result(made, f"{made.revision}: {made.rows:,} rows pushed to {dvc_remote.remote_url(clone)}")


def _heal(config: Config, clone: Path, known: Revision, deadline: Deadline) -> None:
    """Uploads again what the remote has lost of a revision whose bytes are at hand."""
    url = dvc_remote.remote_url(clone)
    lost = dvc_remote.defects(url, known.dvc_md5, deadline, deep=False)
    if not lost:
        return
    log.warning("%s has lost %s; uploading it again", known.revision, "; ".join(lost))
    _check_whole(config.splits, read_manifest(config.splits))
    pointer = publishing.track(config, clone, deadline)
    if dvc_remote.pointer_md5(pointer) != known.dvc_md5:
        raise UserError(
            f"{known.revision} has lost {'; '.join(lost)}, and these files hold its rows in other bytes",
            where=url,
            remedy="run the flow with the library versions that made the revision, or use a copy of its files",
        )
    dvc_remote.forget(url, known.dvc_md5, deadline)
    dvc_remote.push(clone, config.dataset, deadline)


def _report(config: Config, revision: Revision, clone: Path, *, known: bool) -> None:
    place = clone / dvc_remote.dataset_path(config.dataset)
    drift.write_report(config.report, revision.revision, place, known)


def _check_whole(splits: Path, manifest: Manifest) -> None:
    found = damage(splits, manifest)
    if found:
        raise UserError("; ".join(found), where=str(splits), remedy="run `split` again")


def _result(revision: Revision, summary: str) -> Result:
    parameters = {
        "revision": revision.revision,
        "dataset_digest": revision.digest,
        "dvc_md5": revision.dvc_md5,
    }
    return Result(summary=summary, parameters=parameters)
