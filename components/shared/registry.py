"""The dataset registry: a git repository that holds, for each dataset, the pointer to its bytes.

    .dvc/config                       the DVC remote with the bytes
    datasets/<dataset>/data.dvc       the pointer, for `dvc pull`
    datasets/<dataset>/manifest.json  what the bytes must be
    datasets/<dataset>/lineage.json   where they came from
    datasets/<dataset>/README.md …    the data card and statistics

A revision is a tag `<dataset>/v<N>`. `version` writes it; `fetch` and people read it.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from components.shared import dvc_remote, git
from components.shared.commands import Deadline
from components.shared.errors import UserError
from components.shared.manifest import MANIFEST, Manifest, damage, parse_manifest, read_manifest

READ_SECONDS: Final = 120.0
"""Longest time to list the revisions."""
PULL_SECONDS: Final = 900.0
"""Longest time to reproduce a revision."""
_DATASET = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?!\.))*(?<!\.)(?<!\.lock)")
_REVISION = re.compile(rf"(?P<dataset>{_DATASET.pattern})/v(?P<number>[1-9][0-9]*)")


@dataclass(frozen=True)
class Revision:
    """A version of a dataset.

    Attributes:
        revision: The tag.
        digest: The dataset digest.
        dvc_md5: The hash that DVC knows the bytes by.
        rows: Number of rows in all splits.
        time: When it was committed, ISO 8601.
    """

    revision: str
    digest: str
    dvc_md5: str
    rows: int
    time: str

    @property
    def number(self) -> int:
        """The N of `v<N>`."""
        return int(self.revision.rpartition("/v")[2])


@dataclass(frozen=True)
class Reproduced:
    """A revision as it was pulled and proven."""

    directory: Path
    digest: str
    dvc_md5: str
    rows: int
    shards: int


def check_dataset(dataset: str) -> None:
    """Raises UserError unless the name can stand in a path and in a git tag."""
    if not _DATASET.fullmatch(dataset):
        raise UserError(
            f"{dataset!r} is not a name", where="dataset", remedy="use lower-case letters, digits, `-`, `_` and `.`"
        )


def check_address(registry: str) -> None:
    """Raises UserError for an address that holds a password: parameters are public."""
    git.check_url(registry)


def dataset_of(revision: str) -> str:
    """The dataset that a revision belongs to; raises UserError if it is none."""
    match = _REVISION.fullmatch(revision)
    if not match:
        raise UserError(f"{revision!r} is not a revision", where="revision", remedy="give <dataset>/v<N>")
    return match["dataset"]


def clone(registry: str, into: Path, deadline: Deadline, revision: str = "") -> None:
    """Clones the registry: all of it, or no more than one revision.

    Raises:
        UserError: if there is no such registry or revision, or it refuses.
        RetryError: if it cannot be reached.
    """
    git.check_url(registry)
    address = str(Path(registry).expanduser().resolve()) if git.is_path(registry) else registry
    which = ["--depth=1", "--single-branch", f"--branch={revision}"] if revision else []
    into.parent.mkdir(parents=True, exist_ok=True)
    outcome = git.git(["clone", "--quiet", *which, "--", address, str(into.resolve())], into.parent, deadline)
    if revision and re.search("Remote branch .* not found", outcome.err):
        raise UserError(
            f"no revision {revision}", where=registry, remedy="see `evertune datasets list`, or run `version` first"
        )
    if outcome.code:
        raise git.error_of(outcome, registry)


def revisions(registry: str, dataset: str | None = None) -> list[Revision]:
    """The revisions of one dataset or of all, oldest first within a dataset."""
    deadline = Deadline(READ_SECONDS)
    with tempfile.TemporaryDirectory(prefix="evertune-registry-") as place:
        clone(registry, Path(place, "clone"), deadline)
        return revisions_in(Path(place, "clone"), dataset, deadline)


def revisions_in(repository: Path, dataset: str | None, deadline: Deadline) -> list[Revision]:
    """The revisions that a clone of the registry knows; see `revisions`."""
    below = f"refs/tags/{dataset}/" if dataset else "refs/tags/"
    shown = git.checked(
        ["for-each-ref", "--format=%(refname:strip=2) %(creatordate:iso-strict)", below], repository, deadline
    )
    times = dict(line.split(" ", 1) for line in shown.splitlines())
    tags = [tag for tag in times if _REVISION.fullmatch(tag)]
    paths = [f"{tag}:{dvc_remote.dataset_path(dataset_of(tag))}" for tag in tags]
    names = [f"{path}/{name}" for path in paths for name in (MANIFEST, "data.dvc")]
    contents = iter(_texts(names, repository, deadline))
    found = []
    for tag in tags:
        manifest, pointer = _committed_manifest(tag, next(contents)), next(contents)
        md5 = dvc_remote.pointer_md5(pointer.decode(errors="replace"))
        found.append(Revision(tag, manifest.digest, md5, _rows(manifest), times[tag]))
    return sorted(found, key=lambda one: (dataset_of(one.revision), one.number))


def committed(repository: Path, revision: str, name: str, deadline: Deadline) -> bytes:
    """A file that lies beside the bytes of a revision; raises UserError if there is none."""
    path = f"{revision}:{dvc_remote.dataset_path(dataset_of(revision))}/{name}"
    return _texts([path], repository, deadline)[0]


def look(registry: str, revision: str) -> tuple[Manifest, str]:
    """The manifest of a revision and the hash that DVC knows it by, without its bytes."""
    deadline = Deadline(READ_SECONDS)
    with tempfile.TemporaryDirectory(prefix="evertune-registry-") as place:
        clone(registry, Path(place, "clone"), deadline, revision)
        directory = Path(place, "clone", dvc_remote.dataset_path(dataset_of(revision)))
        return read_manifest(directory), dvc_remote.pointer_md5((directory / "data.dvc").read_text(encoding="utf-8"))


def pull(repository: Path, revision: str, deadline: Deadline) -> Path:
    """Pulls a revision's bytes into its clone and proves each against the committed manifest.

    Returns:
        The directory of the dataset in the registry; the bytes lie in `data` below it.

    Raises:
        UserError: naming each file that the remote has lost or that is damaged.
        RetryError: if the remote cannot be reached or does not answer in time.
    """
    place = repository / dvc_remote.dataset_path(dataset_of(revision))
    outcome = dvc_remote.pull(repository, dataset_of(revision), deadline)
    if not outcome.code and not (found := _differences(place)):
        return place
    url = dvc_remote.remote_url(repository)
    if outcome.code:
        found = dvc_remote.defects(url, dvc_remote.pointer_md5((place / "data.dvc").read_text()), deadline, deep=True)
    if not found:
        raise dvc_remote.failure("dvc pull", outcome, url)
    raise UserError(
        f"{revision} cannot be had whole: {'; '.join(found)}",
        where=url,
        remedy="run `evertune datasets repair` with a good copy, or `version` on the same data if objects are missing",
    )


def reproduce(registry: str, revision: str, into: Path, seconds: float = PULL_SECONDS) -> Reproduced:
    """Clones the registry into an empty folder, pulls a revision as anybody would and proves every byte.

    Args:
        registry: The registry.
        revision: The tag.
        into: A folder that is empty or does not exist yet.
        seconds: Longest time for all of it.
    """
    dataset_of(revision)
    if into.exists() and any(into.iterdir()):
        raise UserError("the folder is not empty", where=str(into), remedy="give an empty or a new one")
    deadline = Deadline(seconds)
    clone(registry, into, deadline, revision)
    place = pull(into, revision, deadline)
    manifest = read_manifest(place)
    return Reproduced(
        directory=place / "data",
        digest=manifest.digest,
        dvc_md5=dvc_remote.pointer_md5((place / "data.dvc").read_text()),
        rows=_rows(manifest),
        shards=sum(len(shards) for shards in manifest.splits.values()),
    )


def create_if_missing(registry: str, deadline: Deadline) -> None:
    """Makes the bare repository when the registry is a path where nothing is. It appears whole or not at all."""
    path = Path(registry).expanduser()
    if not git.is_path(registry) or path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as place:
        git.checked(["init", "--quiet", "--bare", "--initial-branch=main", "made"], Path(place), deadline)
        try:
            Path(place, "made").rename(path)
        except OSError:
            if not path.exists():  # otherwise another writer was first
                raise


def _differences(place: Path) -> list[str]:
    """What differs between the pulled bytes and the committed manifest."""
    committed = read_manifest(place)
    try:
        if read_manifest(place / "data") != committed:
            return [f"{MANIFEST}: differs from the committed one"]
    except UserError as error:
        return [error.what]
    return damage(place / "data", committed)


def _texts(names: list[str], repository: Path, deadline: Deadline) -> list[bytes]:
    """The contents of many files of many commits, by one call of git."""
    if not names:
        return []
    asked = "".join(f"{name}\n" for name in names).encode()
    answer = git.checked(["cat-file", "--batch"], repository, deadline, stdin=asked).encode(errors="surrogateescape")
    texts, at = [], 0
    for name in names:
        end = answer.index(b"\n", at)
        if answer.endswith(b" missing", at, end):
            raise UserError(f"no {name}", where="registry", remedy="delete the tag or restore the file")
        size = int(answer[at:end].rpartition(b" ")[2])
        texts.append(answer[end + 1 : end + 1 + size])
        at = end + 1 + size + 1
    return texts


def _committed_manifest(revision: str, text: bytes) -> Manifest:
    try:
        return parse_manifest(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{revision} has an unreadable manifest ({error})", where="registry", remedy="delete the tag or restore it"
        ) from error


def _rows(manifest: Manifest) -> int:
    return sum(manifest.rows(split) for split in manifest.splits)
