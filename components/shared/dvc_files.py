"""What a revision of a repository holds below a path: files in git, and files that DVC tracks, from its remote.

The pointers (`*.dvc`, `dvc.lock`) and the remote's configuration are read here: nothing of the repository is run, and
each object must have the md5 that its pointer names.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from components.shared.dvc_source import CLONE_SECONDS, DvcAddress, run_git
from components.shared.errors import RetryError, UserError
from components.shared.http_source import Rules, http_file
from components.shared.local_source import files_below
from components.shared.objects import open_store
from components.shared.references import HTTP, S3, Reference
from components.shared.source_files import SourceFile

POINTERS: Final = ("*.dvc", "dvc.lock", "**/*.dvc", "**/dvc.lock")
NOT_DATA: Final = (".dvc", ".gitignore", "dvc.lock", "dvc.yaml")
MAX_POINTER: Final = 4 << 20
_MD5: Final = re.compile(r"[0-9a-f]{32}(\.dir)?")
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class Tracked:
    """A file or directory that DVC tracks: its path in the repository, md5 and where a remote keeps such objects."""

    path: PurePosixPath
    md5: str
    prefix: str

    @property
    def key(self) -> str:
        """Its object in a remote."""
        return f"{self.prefix}{self.md5[:2]}/{self.md5[2:]}"


Fetch = Callable[[str, Path], Path]
"""Downloads the object of a key into a directory."""


def dvc_files(reference: Reference, scratch: Path, rules: Rules, where: str) -> list[SourceFile]:
    """The files below the path of a pinned address, in the order of their names.

    Raises:
        UserError: if there is nothing, or its remote is of a kind that is not read here.
        RetryError: if git or the remote cannot be reached.
    """
    address = DvcAddress.parse(reference.uri, where)
    clone = _cloned(address, reference.value, scratch / "repository", where)
    wanted = PurePosixPath(address.path)
    found = {file.name: file for file in _in_git(clone, wanted, where)}
    outs = [out for out in _tracked(clone, where) if _related(out.path, wanted)]
    if outs:
        fetch = _remote(clone, rules, where)
        for file in _in_remote(outs, wanted, fetch, scratch):
            found.setdefault(file.name, file)
    if not found:
        raise UserError(f"{address.repository} has no {address.path}", where=where, remedy="correct path or revision")
    return [found[name] for name in sorted(found)]


def _cloned(address: DvcAddress, commit: str, into: Path, where: str) -> Path:
    # Links are checked out as texts, so that nothing in the repository leads out of it.
    clone = ["clone", "--quiet", "--no-checkout", "--config", "core.symlinks=false", "--", address.location, str(into)]
    run_git(clone, into.parent, CLONE_SECONDS, address, where)
    run_git(["checkout", "--quiet", "--detach", commit], into, CLONE_SECONDS, address, where)
    return into


def _in_git(clone: Path, wanted: PurePosixPath, where: str) -> list[SourceFile]:
    root = clone / wanted
    if root.is_file():
        return [file for file in files_below(root.parent, where) if file.name == root.name]
    return [file for file in files_below(root, where) if not file.name.endswith(NOT_DATA)] if root.is_dir() else []


def _tracked(clone: Path, where: str) -> Iterator[Tracked]:
    for path in sorted({path for glob in POINTERS for path in clone.glob(glob) if path.is_file()}):
        folder = PurePosixPath(path.relative_to(clone).parent.as_posix())
        for out in _outs(path, where):
            prefix = "files/md5/" if out.get("hash") == "md5" else ""
            yield Tracked(folder / out["path"], out["md5"], prefix)


def _outs(path: Path, where: str) -> list[Any]:
    import yaml

    try:
        if path.stat().st_size > MAX_POINTER:
            raise ValueError("too long")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        stages = content.get("stages", {}).values() if path.name == "dvc.lock" else [content]
        outs = [out for stage in stages for out in stage.get("outs") or [] if "md5" in out]
        if not all(_MD5.fullmatch(out["md5"]) and isinstance(out["path"], str) for out in outs):
            raise ValueError("an output without path or md5")
        return outs
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path.name} cannot be read ({error})", where=where, remedy="mend the repository") from None


def _related(path: PurePosixPath, wanted: PurePosixPath) -> bool:
    return path.is_relative_to(wanted) or wanted.is_relative_to(path)


def _remote(clone: Path, rules: Rules, where: str) -> Fetch:
    url, settings = _remote_settings(clone, where)
    if url.startswith(HTTP):
        return lambda key, into: http_file(Reference(f"{url.rstrip('/')}/{key}", "", ""), rules, where).fetch(into)
    if "://" in url and not url.startswith(S3):
        kind = url.partition("://")[0]
        remedy = "`dvc pull` it yourself and give the directory"
        raise UserError(f"a DVC remote of the kind {kind} is not read here", where=where, remedy=remedy)
    endpoint = settings.get("endpointurl")
    if endpoint:
        _check_endpoint(endpoint, where)
    store = open_store(url if "://" in url else str((clone / ".dvc" / url).resolve()))

    def fetch(key: str, into: Path) -> Path:
        store.download(key, into / "download")
        return into / "download"

    return fetch


def _remote_settings(clone: Path, where: str) -> tuple[str, dict[str, str]]:
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read(clone / ".dvc" / "config", encoding="utf-8")
        settings = dict(config[f"'remote \"{config['core']['remote']}\"'"])
        return settings["url"], settings
    except (configparser.Error, KeyError, UnicodeDecodeError) as error:
        raise UserError(f"no default DVC remote ({error})", where=where, remedy="set one in the repository") from None


def _check_endpoint(endpoint: str, where: str) -> None:
    if os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/") != endpoint.rstrip("/"):
        raise UserError(f"its DVC remote is at {endpoint}", where=where, remedy=f"set AWS_ENDPOINT_URL={endpoint}")


def _in_remote(outs: list[Tracked], wanted: PurePosixPath, fetch: Fetch, scratch: Path) -> Iterator[SourceFile]:
    for out in outs:
        for path, one in _members(out, fetch, scratch):
            if path.is_relative_to(wanted):
                name = path.name if path == wanted else path.relative_to(wanted).as_posix()
                yield SourceFile(name=name, content=f"md5={one.md5}", fetch=partial(_fetched, one, fetch))


def _members(out: Tracked, fetch: Fetch, scratch: Path) -> Iterator[tuple[PurePosixPath, Tracked]]:
    if not out.md5.endswith(".dir"):
        yield out.path, out
        return
    for entry in json.loads(_fetched(out, fetch, scratch).read_bytes()):
        member = Tracked(out.path / entry["relpath"], entry["md5"], out.prefix)
        yield member.path, member


def _fetched(one: Tracked, fetch: Fetch, into: Path) -> Path:
    path = fetch(one.key, into)
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != one.md5.removesuffix(".dir"):
        raise RetryError(f"{one.path} is not what its pointer names", where=one.key, remedy="restore it in the remote")
    return path
