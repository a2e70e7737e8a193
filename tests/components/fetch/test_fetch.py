"""Fetching: exactly the bytes that were versioned, or an error that names the file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from components.fetch.config import Config
from components.fetch.core import run
from components.shared import commands
from components.shared.errors import RetryError, UserError
from components.shared.objects import ObjectStore, open_store
from components.shared.registry import reproduce, revisions
from components.version.config import Config as VersionConfig
from components.version.core import run as version
from tests.processes import over_when

Make = Callable[..., VersionConfig]
Fetch = Callable[..., Config]
quickly = pytest.mark.usefixtures("without_dvc")


@pytest.fixture
def fetch_config(tmp_path: Path, registry: Path) -> Fetch:
    def make(**changes: object) -> Config:
        values: dict[str, object] = {
            "dataset": "reviews",
            "registry": str(registry),
            "revision": "reviews/v1",
            "dataset_digest": "",
            "data": tmp_path / "out" / "data",
            "card": tmp_path / "out" / "card",
        }
        return Config(**(values | changes))  # type: ignore[arg-type]

    return make


def objects_by_size(uri: str) -> tuple[ObjectStore, list[str]]:
    """The store and the keys of its data objects, the largest first."""
    store = open_store(f"{uri}/dvc")
    keys = [key for key in store.keys("files/") if not key.endswith(".dir")]
    return store, sorted(keys, key=lambda key: -(store.size(key) or 0))


def nothing_left(config: Config) -> bool:
    return not config.data.exists() and not config.card.exists() and not list(config.data.parent.glob(".*"))


def test_the_bytes_and_the_card_come_back(version_config: Make, fetch_config: Fetch, s3: str) -> None:
    made, config = version_config(store=s3), fetch_config()
    digest = version(made).parameters["dataset_digest"]
    version(version_config(["later"], store=s3))
    result = run(fetch_config(dataset_digest=digest))
    assert result.metadata["data"]["dataset_digest"] == digest
    assert {p.name: p.read_bytes() for p in config.data.iterdir()} == {
        p.name: p.read_bytes() for p in made.splits.iterdir()
    }
    assert sorted(p.name for p in config.card.iterdir()) == [
        *("README.md", "lineage.json", "manifest.json", "statistics.json")
    ]
    assert all(path.stat().st_mode & 0o200 for path in config.data.iterdir())


def truncated(data: bytes) -> bytes:
    return data[:-10]


def flipped(data: bytes) -> bytes:
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


def assert_damage_is_named(uri: str, config: Config, damage: Callable[[bytes], bytes] | None, said: str) -> None:
    """Plants the damage in the two largest objects and heals them after the fetch has refused them."""
    store, keys = objects_by_size(uri)
    whole = {key: store.get(key) or b"" for key in keys[:2]}
    for key, data in whole.items():
        store.delete(key)  # a directory store protects its objects from being written to
        if damage:
            store.put(key, damage(data))
    with pytest.raises(UserError, match=rf"reviews/v1 cannot be had whole: .*\.(parquet|json): {said}.*; .*: {said}"):
        run(config)
    assert nothing_left(config)
    for key, data in whole.items():
        store.put(key, data)


@quickly
def test_damage_in_s3_is_named(version_config: Make, fetch_config: Fetch, s3: str) -> None:
    version(version_config(store=s3))
    assert_damage_is_named(s3, fetch_config(), truncated, "damaged")
    assert_damage_is_named(s3, fetch_config(), flipped, "damaged")
    assert_damage_is_named(s3, fetch_config(), None, "missing")


@quickly
def test_damage_in_a_directory_is_named(version_config: Make, fetch_config: Fetch) -> None:
    made = version_config()
    md5 = version(made).parameters["dvc_md5"]
    assert_damage_is_named(made.store, fetch_config(), flipped, "damaged")
    open_store(f"{made.store}/dvc").delete(f"files/md5/{md5[:2]}/{md5[2:]}")
    with pytest.raises(UserError, match=rf"the list of files \({md5}\): missing.*`version` on the same data"):
        run(fetch_config())


@quickly
def test_a_manifest_that_does_not_fit_the_bytes(
    version_config: Make, fetch_config: Fetch, registry: Path, tmp_path: Path
) -> None:
    version(version_config())
    clone = tmp_path / "forged"
    subprocess.run(["git", "clone", "--quiet", str(registry), str(clone)], check=True)
    manifest = clone / "datasets" / "reviews" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"rows": 1', '"rows": 2'))
    for command in (
        ["commit", "--quiet", "--all", "--message=forged"],
        ["tag", "reviews/v2"],
        ["push", "--quiet", "origin", "reviews/v2"],
    ):
        subprocess.run(["git", *command], cwd=clone, check=True)
    with pytest.raises(UserError, match=r"manifest.json: differs from the committed one"):
        run(fetch_config(revision="reviews/v2"))
    assert nothing_left(fetch_config())


@quickly
def test_a_moved_tag_is_refused_before_anything_is_pulled(version_config: Make, fetch_config: Fetch) -> None:
    version(version_config())
    with pytest.raises(UserError, match=r"dataset_digest: reviews/v1 has the digest .*, not ffff"):
        run(fetch_config(dataset_digest="f" * 64))


def test_what_is_not_in_the_registry(version_config: Make, fetch_config: Fetch, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no revision reviews/v1"):
        run(fetch_config())
    with pytest.raises(UserError, match=r"no git repository: .*Correct `registry`"):
        run(fetch_config(registry=str(tmp_path / "nothing")))


@pytest.mark.parametrize(("revision", "said"), [("other/v1", "no revision of reviews"), ("main", "is not a revision")])
def test_revisions_that_are_none_of_the_dataset(fetch_config: Fetch, revision: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        run(fetch_config(revision=revision))


@quickly
def test_a_store_that_hangs_is_given_up(
    version_config: Make, fetch_config: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version(version_config())
    slow, started = tmp_path / "bin" / "dvc", tmp_path / "started"
    slow.parent.mkdir()
    slow.write_text(f"#!/bin/sh\ntouch {started}\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setattr("components.fetch.core.Deadline", over_when(started.exists))
    monkeypatch.setattr(commands, "NOTICE_SECONDS", 0.05)
    monkeypatch.setattr("components.shared.dvc_remote.program", lambda name: str(slow))
    with pytest.raises(RetryError, match="dvc pull: not done after 1 seconds"):
        run(fetch_config(deadline=1))
    assert nothing_left(fetch_config())


def test_reproduce_into_an_empty_folder_only(version_config: Make, registry: Path, tmp_path: Path) -> None:
    made = version_config()
    dvc_md5 = version(made).parameters["dvc_md5"]
    known = revisions(str(registry), "reviews")[-1]
    facts = reproduce(str(registry), known.revision, tmp_path / "again")
    assert (facts.digest, facts.dvc_md5, facts.rows, facts.shards) == (known.digest, dvc_md5, 4, 3)
    assert (facts.directory / "manifest.json").read_bytes() == (made.splits / "manifest.json").read_bytes()
    with pytest.raises(UserError, match="the folder is not empty"):
        reproduce(str(registry), known.revision, tmp_path / "again")
