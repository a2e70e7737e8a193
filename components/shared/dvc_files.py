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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from components.shared import git
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
    """A file or directory that DVC tracks.

    Attributes:
        path: Its path in the repository.
        md5: The md5 that its pointer names.
        prefix: Where a remote keeps such objects.
        project: Directory of the DVC project that it belongs to; a repository may have several.
    """

    path: PurePosixPath
    md5: str
    prefix: str
    project: Path

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
    remotes = {project: _remote(clone, project, address, rules, where) for project in {out.project for out in outs}}
    for out in outs:
        for file in _in_remote(out, wanted, remotes[out.project], scratch, where):
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
        project = next(place for place in path.parents if place == clone or (place / ".dvc" / "config").is_file())
        for folder, out in _outs(path, where):
            prefix = "files/md5/" if out.get("hash") == "md5" else ""
            place = os.path.normpath(path.relative_to(clone).parent / folder / out["path"])
            yield Tracked(PurePosixPath(place), out["md5"], prefix, project.relative_to(clone))


def _outs(path: Path, where: str) -> list[tuple[str, Any]]:
    """The outputs that a pointer names, each with the directory that its path begins in."""
    import yaml

    try:
        if path.stat().st_size > MAX_POINTER:
            raise ValueError("too long")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        stages = content.get("stages", {}) if path.name == "dvc.lock" else {"": content}
        folders = _folders(path.with_name("dvc.yaml")) if path.name == "dvc.lock" else {"": content.get("wdir", ".")}
        outs = [
            (str(folders.get(name.partition("@")[0], ".")), out)
            for name, stage in stages.items()
            for out in stage.get("outs") or []
            if "md5" in out
        ]
        if not all(_MD5.fullmatch(out["md5"]) and isinstance(out["path"], str) for _, out in outs):
            raise ValueError("an output without path or md5")
        return outs
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path.name} cannot be read ({error})", where=where, remedy="mend the repository") from None


def _folders(pipeline: Path) -> dict[str, str]:
    """Where the stages of a dvc.yaml work; the paths in its lock file begin there."""
    import yaml

    if not pipeline.is_file() or pipeline.stat().st_size > MAX_POINTER:
        return {}
    stages = yaml.safe_load(pipeline.read_text(encoding="utf-8")).get("stages", {})
    return {name: stage.get("do", stage).get("wdir", ".") for name, stage in stages.items()}


def _related(path: PurePosixPath, wanted: PurePosixPath) -> bool:
    return path.is_relative_to(wanted) or wanted.is_relative_to(path)


def _remote(clone: Path, project: Path, address: DvcAddress, rules: Rules, where: str) -> Fetch:
    url, settings = _remote_settings(clone / project, where)
    if url.startswith(HTTP):
        return lambda key, into: http_file(Reference(f"{url.rstrip('/')}/{key}", "", ""), rules, where).fetch(into)
    if "://" in url and not url.startswith(S3):
        kind = url.partition("://")[0]
        remedy = "`dvc pull` it yourself and give the directory"
        raise UserError(f"a DVC remote of the kind {kind} is not read here", where=where, remedy=remedy)
    endpoint = settings.get("endpointurl")
    if endpoint:
        _check_endpoint(endpoint, where)
    if "://" not in url and not Path(url).is_absolute() and not git.is_path(address.repository):
        what = f"its DVC remote is the path {url} on the machine of its owner"
        raise UserError(what, where=where, remedy="`dvc pull` it there and give the directory")
    if "://" not in url:  # a path begins beside the configuration, in the repository that was cloned
        url = str((Path(address.location) / project / ".dvc" / url).resolve())
    store = open_store(url)

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


def _in_remote(out: Tracked, wanted: PurePosixPath, fetch: Fetch, scratch: Path, where: str) -> Iterator[SourceFile]:
    for one in _members(out, fetch, scratch, where):
        if one.path.is_relative_to(wanted):
            name = one.path.name if one.path == wanted else one.path.relative_to(wanted).as_posix()
            yield SourceFile(name=name, content=f"md5={one.md5}", fetch=partial(_fetched, one, fetch))


def _members(out: Tracked, fetch: Fetch, scratch: Path, where: str) -> list[Tracked]:
    if not out.md5.endswith(".dir"):
        return [out]
    try:
        entries = json.loads(_fetched(out, fetch, scratch).read_bytes())
        if not all(_MD5.fullmatch(entry["md5"]) for entry in entries):
            raise ValueError("a file without md5")
        return [replace(out, path=out.path / entry["relpath"], md5=entry["md5"]) for entry in entries]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{out.path} has a list of files that cannot be read ({error})", where=where) from None


def _fetched(one: Tracked, fetch: Fetch, into: Path) -> Path:
    path = fetch(one.key, into)
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != one.md5.removesuffix(".dir"):
        raise RetryError(f"{one.path} is not what its pointer names", where=one.key, remedy="restore it in the remote")
    return path
