"""What runs leave behind on this machine: caches of workspaces, and directories of runs that were killed."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from components.shared.dvc_remote import OBJECTS
from components.shared.garbage import Garbage

TEMPORARY: Final = ("evertune-version-*", "evertune-registry-*")
UNFINISHED: Final = (".*.partial", ".*.scratch", ".*.work-*")
"""What a step writes to until it is done; the next run of the step removes it as well."""


def caches(places: list[Path], age: float) -> Iterator[Garbage]:
    """The objects in DVC's caches that `dvc.lock` does not name any more.

    Args:
        places: Directories with a `dvc.lock`.
        age: Seconds that an object is kept, for a run may be about to name it.
    """
    for place in places:
        cache, lock = place / ".dvc" / "cache" / OBJECTS, place / "dvc.lock"
        if not cache.is_dir() or not lock.exists():
            continue
        named = _named(lock.read_text(encoding="utf-8"), cache)
        unnamed = [path for path in cache.glob("??/*") if path.parent.name + path.name not in named and _old(path, age)]
        if unnamed:
            size = sum(path.stat().st_size for path in unnamed)
            yield Garbage("cache", f"{len(unnamed)} objects of {place}", size, partial(_delete_objects, unnamed))


def directories(home: Path, age: float) -> Iterator[Garbage]:
    """Directories of runs that were killed: temporary ones, and unfinished outputs in workspaces."""
    temporary = Path(tempfile.gettempdir())
    found = [path for pattern in TEMPORARY for path in temporary.glob(pattern)]
    found += [path for pattern in UNFINISHED for path in home.glob(f"*/*/{pattern}")]
    for path in sorted(found):
        with suppress(FileNotFoundError):  # its run ends just now
            if all(_old(inside, age) for inside in (path, *path.rglob("*"))):
                size = sum(inside.stat().st_size for inside in path.rglob("*") if inside.is_file())
                yield Garbage("unfinished", str(path), size, partial(_delete_tree, path))


def _named(lock: str, cache: Path) -> set[str]:
    """The names of all objects that a `dvc.lock` needs, those inside of directories as well."""
    named = set(re.findall(r"md5: ([0-9a-f]{32}(?:\.dir)?)", lock))
    for name in [name for name in named if name.endswith(".dir")]:
        with suppress(FileNotFoundError):
            named |= {entry["md5"] for entry in json.loads((cache / name[:2] / name[2:]).read_bytes())}
    return named


def _old(path: Path, age: float) -> bool:
    status = path.lstat()
    return time.time() - max(status.st_mtime, status.st_ctime) >= age


def _delete_objects(paths: list[Path]) -> bool:
    for path in sorted(paths, key=lambda path: path.suffix != ".dir"):
        path.unlink(missing_ok=True)
    return True


def _delete_tree(path: Path) -> bool:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    return not path.exists()
