"""Checkpoints in an object store: payload first, `complete.json` last, and never trusted without its hashes.

    <key>/<step>/...               files of a training after that step
    <key>/<step>-finished/...      what a finished training leaves: the best model and the journal
    <key>/<...>/complete.json      name and sha256 of each file; without it the rest does not count
    <key>/lease-<number>           who writes (see `lease`)

The key names all that decides the numbers (see `identity`). A finished training keeps its last
checkpoint until garbage collection, so that a repeated run only writes its outputs again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.shared.errors import UserError
from components.shared.files import sha256_of
from components.shared.objects import ObjectStore

log = logging.getLogger("evertune.train")
COMPLETE: Final = "complete.json"
FINISHED: Final = "-finished"


class Damaged(Exception):
    """A checkpoint that cannot be used; the message says why."""


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one key.

    Attributes:
        store: Where they are.
        key: Identity of the training.
        keep: Complete checkpoints to keep.
        options: Recorded with each, to tell people what it belongs to.
    """

    store: ObjectStore
    key: str
    keep: int
    options: Mapping[str, Any]

    def save(
        self,
        step: int,
        directory: Path,
        *,
        finished: bool = False,
        facts: Mapping[str, Any] | None = None,
        before_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """Uploads the files of `directory`, commits them, and only then deletes older checkpoints.

        Args:
            step: Steps done.
            directory: The files.
            finished: Whether the training is.
            facts: What is told of it (see `status`).
            before_commit: Called when all files are there; what it raises leaves them without effect.
        """
        name = f"{step:010d}{FINISHED if finished else ''}"
        self.store.delete(f"{self.key}/{name}/{COMPLETE}")
        hashes = {}
        for path in sorted(directory.iterdir()):
            hashes[path.name] = sha256_of(path)
            self.store.upload(path, f"{self.key}/{name}/{path.name}")
        record = {
            "key": self.key,
            "step": step,
            "finished": finished,
            "files": hashes,
            "options": dict(self.options),
            "facts": dict(facts or {}),
        }
        before_commit()
        self.store.put(f"{self.key}/{name}/{COMPLETE}", json.dumps(record, indent=1, sort_keys=True).encode())
        self._delete_all_but(self._complete_until(name)[-1 if finished else -self.keep :])

    def load_newest(self, into: Path) -> str:
        """Downloads the newest checkpoint that is complete and undamaged to the directory `into`.

        Returns:
            Its name; empty when there is none.
        """
        for name in reversed(self.names()):
            try:
                self.load(name, into)
            except Damaged as damage:
                log.warning("checkpoint %s/%s/%s is not used: %s", self.store.uri, self.key, name, damage)
            else:
                return name
        return ""

    def load(self, name: str, into: Path) -> None:
        """Downloads one checkpoint and compares every file with its hash; raises Damaged."""
        for file, sha256 in self._files(name).items():
            key = f"{self.key}/{name}/{file}"
            if self.store.size(key) is None:
                raise Damaged(f"{file} is missing")
            with _damage_of_the_store():
                self.store.download(key, into / file)
            if sha256_of(into / file) != sha256:
                raise Damaged(f"{file} differs from its sha256")

    def names(self) -> list[str]:
        """Names of all checkpoints, complete or not, the oldest first."""
        inside = (key.removeprefix(f"{self.key}/") for key in self.store.keys(f"{self.key}/"))
        return sorted({path.partition("/")[0] for path in inside if "/" in path})

    def _files(self, name: str) -> dict[str, str]:
        with _damage_of_the_store():
            data = self.store.get(f"{self.key}/{name}/{COMPLETE}")
        if data is None:
            raise Damaged(f"it is incomplete (no {COMPLETE})")
        try:
            record = json.loads(data)
            files = {str(file): str(sha256) for file, sha256 in record["files"].items()}
            belongs = record["key"] == self.key
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Damaged(f"{COMPLETE} cannot be read") from None
        if not belongs or any(Path(file).name != file for file in files):
            raise Damaged(f"{COMPLETE} is not that of this training")
        return files

    def _complete_until(self, newest: str) -> list[str]:
        present = set(self.store.keys(f"{self.key}/"))
        return [name for name in self.names() if name <= newest and f"{self.key}/{name}/{COMPLETE}" in present]

    def _delete_all_but(self, kept: list[str]) -> None:
        """Deletes older checkpoints, and newer ones: those were damaged, or this training would have used them."""
        for name in self.names():
            if name not in kept:
                self.store.delete(f"{self.key}/{name}/{COMPLETE}")
                for key in self.store.keys(f"{self.key}/{name}/"):
                    self.store.delete(key)


@contextmanager
def _damage_of_the_store() -> Iterator[None]:
    """An object that the store itself finds damaged is skipped too; a refused permission is not."""
    try:
        yield
    except UserError as error:
        if "damaged" not in error.what:
            raise
        raise Damaged(error.what) from None
