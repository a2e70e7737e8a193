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
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from components.shared import git
from components.shared.commands import Deadline, Outcome, program, run
from components.shared.errors import DamagedError, EvertuneError, RetryError, UserError
from components.shared.objects import ObjectStore, open_store
from components.shared.s3_client import encryption
from components.shared.secrets import redact

REMOTE: Final = "store"
OBJECTS: Final = "files/md5"
WHOLE: Final = "whole"
MISSING: Final = "missing"
DAMAGED: Final = "damaged"
RENEW_SECONDS = 3600.0
"""Age from which on an object is written again; garbage collection spares what is younger than twice of it."""
_DENIED = re.compile(
    r"access ?denied|forbidden|signaturedoesnotmatch|invalidaccesskeyid|permission denied", re.IGNORECASE
)
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
    outcome = _dvc(["add", target], clone, deadline)
    if outcome.code:
        raise failure("dvc add", outcome, dataset)
    return (clone / f"{target}.dvc").read_text(encoding="utf-8")


def push(clone: Path, dataset: str, deadline: Deadline) -> None:
    """Uploads the tracked data of a dataset; what the remote has already is not sent again.

    Raises:
        UserError: if the credentials or the bucket are wrong.
        RetryError: if the remote cannot be reached or the upload failed.
    """
    url = remote_url(clone)
    open_store(url, deadline).size("files")  # S3's own words on credentials and bucket are clearer than DVC's
    outcome = _dvc(["push", f"{dataset_path(dataset)}/data.dvc"], clone, deadline)
    if outcome.code:
        raise failure("dvc push", outcome, url)


def renew(clone: Path, dvc_md5: str, known: Iterable[str], deadline: Deadline) -> None:
    """Writes those objects of a dataset again that have been in the remote for long, but that no revision named.

    `dvc push` leaves what it finds there as it is. Garbage collection, which spares what is young, must not
    take such an object away before the pointer to it is there.

    Args:
        clone: The clone, whose cache holds the dataset.
        dvc_md5: The hash of the dataset's pointer.
        known: The same of revisions, whose objects are safe.
        deadline: When to give up.
    """
    store, cache = open_store(remote_url(clone), deadline), clone / ".dvc" / "cache"
    new = {dvc_md5, *listing(open_store(str(cache)), dvc_md5).values()}
    for md5 in known:
        with suppress(DamagedError):
            new -= {md5, *listing(store, md5).values()}
    for key in map(object_key, sorted(new)):
        for entry in store.entries(key):
            if entry.key == key and time.time() - entry.modified >= RENEW_SECONDS:
                store.upload(cache / key, key)


def pull(clone: Path, dataset: str, deadline: Deadline) -> Outcome:
    """Downloads the tracked data of a dataset; failure is told by the outcome."""
    open_store(remote_url(clone), deadline).size("files")
    return _dvc(["pull", f"{dataset_path(dataset)}/data.dvc"], clone, deadline)


def pointer_md5(pointer: str) -> str:
    """The hash of the data in the text of a pointer; ends with `.dir`."""
    match = re.search(r"\bmd5: ([0-9a-f]{32}\.dir)\b", pointer)
    if not match:
        raise UserError("no directory hash in data.dvc", where="registry", remedy="use a registry that `version` made")
    return match[1]


def defects(url: str, dvc_md5: str, deadline: Deadline, *, deep: bool) -> list[str]:
    """What a remote lacks of a dataset: one line for each file.

    Args:
        url: The remote.
        dvc_md5: The hash of the dataset's pointer.
        deadline: When to give up.
        deep: Read every byte; otherwise only see whether the objects are there.
    """
    store = open_store(url, deadline)
    try:
        files = listing(store, dvc_md5)
    except DamagedError as error:
        return [error.what]
    checked = ((name, _defect(store, md5, deep)) for name, md5 in files.items())
    return [f"{name}: {defect}" for name, defect in checked if defect]


def listing(store: ObjectStore, dvc_md5: str) -> dict[str, str]:
    """Name and md5 of each file of a dataset, as its remote has them.

    Raises:
        DamagedError: if the list is missing or not what the pointer names.
    """
    data, state = read_object(store, dvc_md5)
    if data is None:
        what = f"the list of files ({dvc_md5}): {state}"
        raise DamagedError(what, where=store.uri, remedy="run `evertune datasets repair`")
    return {entry["relpath"]: entry["md5"] for entry in json.loads(data)}


def listing_bytes(files: Mapping[str, str]) -> bytes:
    """The list of files as DVC writes it, from name to md5."""
    entries = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return json.dumps(entries, sort_keys=True).encode()


def read_object(store: ObjectStore, md5: str) -> tuple[bytes | None, str]:
    """An object's bytes if they are what its name says, and its state: WHOLE, MISSING or DAMAGED with what is there."""
    try:
        data = store.get(object_key(md5))
    except DamagedError:
        return None, f"{DAMAGED} (object {object_key(md5)})"
    if data is None:
        return None, MISSING
    if md5_of(data) != md5.removesuffix(".dir"):
        return None, f"{DAMAGED} (object {object_key(md5)} holds {len(data):,} other bytes)"
    return data, WHOLE


def md5_of(data: bytes) -> str:
    """The name that DVC gives to these bytes."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def object_key(md5: str) -> str:
    """Where a remote or a cache has the object of this name."""
    return f"{OBJECTS}/{md5[:2]}/{md5[2:]}"


def forget(url: str, dvc_md5: str, deadline: Deadline) -> None:
    """Removes the list of files of a dataset, for DVC takes it as proof that all of them are there."""
    open_store(url, deadline).delete(object_key(dvc_md5))


def encryption_settings(url: str) -> str:
    """The part of DVC's configuration that asks for server-side encryption, which other remotes than S3 refuse."""
    asked = encryption() if url.startswith("s3://") else {}
    names = {"ServerSideEncryption": "sse", "SSEKMSKeyId": "sse_kms_key_id"}
    lines = "".join(f"    {names[name]} = {value}\n" for name, value in asked.items())
    return f"[{_SECTION}]\n{lines}" if lines else ""


def _defect(store: ObjectStore, md5: str, deep: bool) -> str:
    if not deep:
        return "" if store.size(object_key(md5)) is not None else MISSING
    state = read_object(store, md5)[1]
    return "" if state == WHOLE else state


def failure(what: str, outcome: Outcome, where: str) -> EvertuneError:
    """What a failure of DVC means to the person who ran the step."""
    said = redact(next((line for line in outcome.lines if _DENIED.search(line)), ""))
    if said:
        return UserError(
            f"{what} was refused: {said}", where=where, remedy="check the credentials and their permissions"
        )
    said = redact(next((line for line in outcome.lines if "No space left" in line), outcome.last_line))
    return RetryError(f"{what} failed: {said}", where=where, remedy="run again")


def _dvc(arguments: list[str], clone: Path, deadline: Deadline) -> Outcome:
    private = clone / ".dvc" / "tmp" / "evertune"
    private.mkdir(parents=True, exist_ok=True)
    # Links instead of copies: a clone lives shorter than the step that made it.
    (clone / ".dvc" / "config.local").write_text(
        f"[core]\n    check_update = false\n[cache]\n    type = hardlink,copy\n{encryption_settings(remote_url(clone))}"
    )
    # A DVC around us (`dvc repro` of the flow) and the user's own settings are not for this repository.
    env = {name: value for name, value in git.environment().items() if not name.startswith("DVC_")}
    env |= {f"DVC_{place}": str(private) for place in ("SITE_CACHE_DIR", "GLOBAL_CONFIG_DIR", "SYSTEM_CONFIG_DIR")}
    env["DVC_NO_ANALYTICS"] = "1"
    if region := os.environ.get("AWS_REGION"):
        env.setdefault("AWS_DEFAULT_REGION", region)  # what DVC's S3 library reads
    return run([program("dvc"), *arguments], f"dvc {arguments[0]}", deadline, clone, env)
