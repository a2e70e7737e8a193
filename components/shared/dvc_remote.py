"""DVC as a program: pulls and pushes one dataset, and tells what its remote has lost.

Each clone of the registry has a cache of its own, so nothing that an earlier run left can stand in for
what the remote should hold.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Final

from components.shared import git
from components.shared.commands import Deadline, Outcome, program, run
from components.shared.errors import RetryError, UserError
from components.shared.objects import ObjectStore, open_store

REMOTE: Final = "store"
_SECTION: Final = f"'remote \"{REMOTE}\"'"


def remote_url(clone: Path) -> str:
    """Where the data of a registry lies, as its own configuration says."""
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read(clone / ".dvc" / "config", encoding="utf-8")
        return config[_SECTION]["url"]
    except (configparser.Error, KeyError) as error:
        raise UserError(
            f"no DVC remote named {REMOTE!r} ({error})", where="registry", remedy="use a registry that `version` made"
        ) from error


def dataset_path(dataset: str) -> str:
    """The directory of a dataset in the registry."""
    return f"datasets/{dataset}"


def add(clone: Path, dataset: str, deadline: Deadline) -> str:
    """Tracks the data of a dataset; returns the text of its pointer."""
    target = f"{dataset_path(dataset)}/data"
    outcome = _dvc(["add", "--quiet", target], clone, deadline)
    if outcome.code:
        raise RetryError(f"dvc add failed: {outcome.last_line}", where=dataset, remedy="run again")
    return (clone / f"{target}.dvc").read_text(encoding="utf-8")


def push(clone: Path, dataset: str, deadline: Deadline) -> None:
    """Uploads the tracked data of a dataset; what the remote has already is not sent again.

    Raises:
        UserError: if the credentials or the bucket are wrong.
        RetryError: if the remote cannot be reached or the upload failed.
    """
    url = remote_url(clone)
    open_store(url).size("files")  # S3's own words on credentials and bucket are clearer than DVC's
    outcome = _dvc(["push", "--quiet", f"{dataset_path(dataset)}/data.dvc"], clone, deadline)
    if outcome.code:
        raise RetryError(f"dvc push failed: {outcome.last_line}", where=url, remedy="run again")


def pull(clone: Path, dataset: str, deadline: Deadline) -> Outcome:
    """Downloads the tracked data of a dataset; failure is told by the outcome."""
    open_store(remote_url(clone)).size("files")
    return _dvc(["pull", "--quiet", f"{dataset_path(dataset)}/data.dvc"], clone, deadline)


def pointer_md5(pointer: str) -> str:
    """The hash of the data in the text of a pointer; ends with `.dir`."""
    match = re.search(r"\bmd5: ([0-9a-f]{32}\.dir)\b", pointer)
    if not match:
        raise UserError("no directory hash in data.dvc", where="registry", remedy="use a registry that `version` made")
    return match[1]


def defects(url: str, dvc_md5: str, *, deep: bool) -> list[str]:
    """What a remote lacks of a dataset: one line for each file.

    Args:
        url: The remote.
        dvc_md5: The hash of the dataset's pointer.
        deep: Read every byte; otherwise only see whether the objects are there.
    """
    store = open_store(url)
    listing = store.get(_key(dvc_md5))
    if listing is None:
        return [f"the list of files ({dvc_md5}): missing"]
    if hashlib.md5(listing, usedforsecurity=False).hexdigest() != dvc_md5.removesuffix(".dir"):
        return [f"the list of files ({dvc_md5}): damaged"]
    checked = ((entry["relpath"], _defect(store, entry["md5"], deep)) for entry in json.loads(listing))
    return [f"{name}: {defect}" for name, defect in checked if defect]


def forget(url: str, dvc_md5: str) -> None:
    """Removes the list of files of a dataset, for DVC takes it as proof that all of them are there."""
    open_store(url).delete(_key(dvc_md5))


def _defect(store: ObjectStore, md5: str, deep: bool) -> str:
    if not deep:
        return "" if store.size(_key(md5)) is not None else "missing"
    data = store.get(_key(md5))
    if data is None:
        return "missing"
    return "" if hashlib.md5(data, usedforsecurity=False).hexdigest() == md5 else f"damaged (object {_key(md5)})"


def _key(md5: str) -> str:
    return f"files/md5/{md5[:2]}/{md5[2:]}"


def _dvc(arguments: list[str], clone: Path, deadline: Deadline) -> Outcome:
    private = clone / ".dvc" / "tmp" / "evertune"
    private.mkdir(parents=True, exist_ok=True)
    # Links instead of copies: a clone lives shorter than the step that made it.
    (clone / ".dvc" / "config.local").write_text(
        "[core]\n    check_update = false\n[cache]\n    type = hardlink,copy\n"
    )
    # A DVC around us (`dvc repro` of the flow) and the user's own settings are not for this repository.
    env = {name: value for name, value in git.environment().items() if not name.startswith("DVC_")}
    env |= {f"DVC_{place}": str(private) for place in ("SITE_CACHE_DIR", "GLOBAL_CONFIG_DIR", "SYSTEM_CONFIG_DIR")}
    env["DVC_NO_ANALYTICS"] = "1"
    if region := os.environ.get("AWS_REGION"):
        env.setdefault("AWS_DEFAULT_REGION", region)  # what DVC's S3 library reads
    return run([program("dvc"), *arguments], f"dvc {arguments[0]}", deadline, clone, env)
