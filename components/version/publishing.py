"""Publishes a dataset: bytes to the remote first, then pointer and tag to the registry, in one atomic push.

Writers need no lock. The git server lets one push win; the others take in what it brought, find their
content there or number theirs anew, and push again. One that dies between the two uploads leaves bytes
that no pointer names yet; the next one finds them and sends nothing twice.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import time
from pathlib import Path
from typing import Final

from components.shared import dvc_remote, git, registry
from components.shared.commands import Deadline
from components.shared.errors import RetryError, UserError
from components.shared.manifest import MANIFEST, Manifest
from components.shared.registry import Revision
from components.version import drift, locks
from components.version.config import Config

ATTEMPTS: Final = 30
"""Pushes before giving up; each fails only because another writer was first."""
LOCKED_ATTEMPTS: Final = 8
"""Pushes in a row that one and the same lock may stop."""
LINEAGE: Final = "lineage.json"
_RESERVED: Final = ("data", "data.dvc", ".gitignore", MANIFEST, LINEAGE, drift.FACTS, drift.PAGE)
_OVERTAKEN = re.compile(
    r"fetch first|non-fast-forward|already exists|atomic (transaction|push) fail|cannot lock ref|failed to update ref"
    r"|incorrect old value|stale info",
    re.IGNORECASE,
)
_README: Final = """\
# Dataset registry

Each dataset of `datasets/` has a pointer to its bytes (`data.dvc`), the manifest that proves them
(`manifest.json`), where they came from (`lineage.json`) and its data card (`README.md`).
A revision is a tag `<dataset>/v<N>`. With DVC and the credentials of the object store
(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and AWS_ENDPOINT_URL unless it is AWS):

    git clone --branch <dataset>/v<N> <this repository> && cd <its folder>
    dvc pull datasets/<dataset>/data.dvc

Written by Evertune. Do not edit or move tags: models name them.
"""


def find(clone: Path, dataset: str, digest: str, deadline: Deadline) -> Revision | None:
    """The first revision of a dataset with this content, if there is one."""
    revisions = registry.revisions_in(clone, dataset, deadline)
    return next((revision for revision in revisions if revision.digest == digest), None)


def track(config: Config, clone: Path, deadline: Deadline) -> str:
    """Copies the dataset into the clone and has DVC track it; returns the text of the pointer."""
    data = clone / dvc_remote.dataset_path(config.dataset) / "data"
    data.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(config.splits, data)
    return dvc_remote.add(clone, config.dataset, deadline)


def publish(config: Config, manifest: Manifest, clone: Path, deadline: Deadline) -> tuple[Revision, bool]:
    """Uploads the bytes and commits the pointer.

    Returns:
        The revision, and whether it is new: another writer may have been first with the same content.

    Raises:
        UserError: if the store or the registry refuses.
        RetryError: if one of them fails, or other writers were first too often.
    """
    _prepare(config, clone)
    pointer = track(config, clone, deadline)
    dvc_remote.push(clone, config.dataset, deadline)
    newest = [one.dvc_md5 for one in registry.revisions_in(clone, config.dataset, deadline)[-1:]]
    dvc_remote.renew(clone, dvc_remote.pointer_md5(pointer), newest, deadline)
    reasons: list[str] = []
    for attempt in range(ATTEMPTS):
        made = _commit(config, manifest, pointer, clone, deadline)
        reason = _push(config, made, clone, deadline)
        if not reason:
            return made, True
        reasons.append(reason)
        locks.clear(reason, config.registry, deadline)
        _give_up_on_a_lock(reasons[-LOCKED_ATTEMPTS:], config.registry)
        time.sleep(random.SystemRandom().uniform(0, 0.1 * 2 ** min(attempt, 5)))  # so that writers do not meet again
        _take_in(config, clone, deadline)
        _prepare(config, clone)
        if known := find(clone, config.dataset, manifest.digest, deadline):
            return known, False
    raise RetryError(
        f"the registry rejected {ATTEMPTS} pushes: {reasons[-1]}", where=config.registry, remedy="run again"
    )


def _give_up_on_a_lock(reasons: list[str], registry: str) -> None:
    """Raises RetryError if one lock was the reason every time: no living writer holds one for so long."""
    held = {locks.named(reason) for reason in reasons}
    if len(reasons) == LOCKED_ATTEMPTS and len(held) == 1 and all(held):
        raise locks.left_behind(held.pop(), registry)


def _prepare(config: Config, clone: Path) -> None:
    """Makes an empty registry one; refuses one whose bytes lie elsewhere."""
    url = f"{config.store if '://' in config.store else Path(config.store).expanduser().resolve()}/dvc"
    settings = clone / ".dvc" / "config"
    if not settings.exists():
        settings.parent.mkdir(exist_ok=True)
        remote = f"['remote \"{dvc_remote.REMOTE}\"']\n    url = {url}\n    verify = true\n"
        core = f"[core]\n    remote = {dvc_remote.REMOTE}\n    analytics = false\n    autostage = false\n"
        settings.write_text(core + remote, encoding="utf-8")
        (settings.parent / ".gitignore").write_text("/config.local\n/tmp\n/cache\n", encoding="utf-8")
        (clone / "README.md").write_text(_README, encoding="utf-8")
    elif (known := dvc_remote.remote_url(clone)) != url:
        raise UserError(
            f"this registry keeps its data in {known}, not in {url}",
            where="store",
            remedy="give the store it was made with, or another registry",
        )


def _commit(config: Config, manifest: Manifest, pointer: str, clone: Path, deadline: Deadline) -> Revision:
    earlier = registry.revisions_in(clone, config.dataset, deadline)
    number = 1 + max((revision.number for revision in earlier), default=0)
    made = Revision(
        revision=f"{config.dataset}/v{number}",
        digest=manifest.digest,
        dvc_md5=dvc_remote.pointer_md5(pointer),
        rows=sum(manifest.rows(split) for split in manifest.splits),
        time="",
    )
    place = clone / dvc_remote.dataset_path(config.dataset)
    _write(config, place, pointer, manifest, _lineage(config, made, earlier))
    before = earlier[-1].revision if earlier else ""
    if facts := before and drift.facts_since(before, made.revision, clone, config.card, deadline):
        drift.write_beside(place, facts)
    message = f"{made.revision}: {made.rows} rows, dataset digest {made.digest[:16]}"
    git.checked(["add", "--all"], clone, deadline)
    git.checked(["commit", "--quiet", f"--message={message}"], clone, deadline)
    git.checked(["tag", "--annotate", f"--message={message}", made.revision], clone, deadline)
    return made


def _write(config: Config, place: Path, pointer: str, manifest: Manifest, lineage: dict[str, object]) -> None:
    """Writes all that lies beside the bytes; what an earlier revision had beside them goes."""
    for path in place.iterdir():
        if path.is_dir() and path.name != "data":
            shutil.rmtree(path)
        elif path.is_file():
            path.unlink()
    for path in sorted(config.card.iterdir()):
        if path.name in _RESERVED:
            raise UserError(f"{path.name} cannot lie beside a dataset", where=str(path), remedy="give it another name")
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, place / path.name)
    (place / "data.dvc").write_text(pointer, encoding="utf-8")
    (place / ".gitignore").write_text("/data\n", encoding="utf-8")
    (place / MANIFEST).write_bytes(manifest.to_json())
    (place / LINEAGE).write_text(json.dumps(lineage, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _lineage(config: Config, made: Revision, earlier: list[Revision]) -> dict[str, object]:
    return {
        "code_commit": os.environ.get("EVERTUNE_COMMIT", ""),
        "dataset": config.dataset,
        "dataset_digest": made.digest,
        "dvc_md5": made.dvc_md5,
        "evaluation_reference": config.evaluation_reference,
        "image": os.environ.get("EVERTUNE_IMAGE", ""),
        "previous_revision": earlier[-1].revision if earlier else "",
        "revision": made.revision,
        "source_reference": config.source_reference,
    }


def _push(config: Config, made: Revision, clone: Path, deadline: Deadline) -> str:
    """Pushes branch and tag together; gives git's reason when another writer was first, nothing when it is done."""
    outcome = git.git(
        ["push", "--atomic", "origin", f"HEAD:refs/heads/{_branch(clone, deadline)}", f"refs/tags/{made.revision}"],
        clone,
        deadline,
    )
    if not outcome.code:
        return ""
    error = git.error_of(outcome, config.registry)
    if isinstance(error, UserError) or not _OVERTAKEN.search(outcome.err):
        raise error
    return error.what


def _take_in(config: Config, clone: Path, deadline: Deadline) -> None:
    """Replaces our unpushed commit and tag by what the registry has."""
    refs = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    git.checked(["fetch", "--quiet", "--prune", "origin", *refs], clone, deadline, config.registry)
    tip = f"refs/remotes/origin/{_branch(clone, deadline)}"
    if git.git(["rev-parse", "--quiet", "--verify", tip], clone, deadline).code:
        git.checked(["update-ref", "-d", "HEAD"], clone, deadline)  # the registry is empty still
    else:
        git.checked(["reset", "--quiet", "--hard", tip], clone, deadline)


def _branch(clone: Path, deadline: Deadline) -> str:
    return git.checked(["symbolic-ref", "--short", "HEAD"], clone, deadline).strip()
