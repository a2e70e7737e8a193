"""Fixtures of all tests: a real object store and a fresh dataset registry."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from components.shared.datasets import DatasetWriter
from components.version.config import Config as VersionConfig
from pipelines import store

AUTHOR = {
    "GIT_AUTHOR_NAME": "Test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "Test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """A SeaweedFS with the bucket `test`; gives the variables that clients need and sets none."""
    home = tmp_path_factory.mktemp("home")
    variables = store.start(home, environ={})
    try:
        store.client(variables).create_bucket(Bucket="test")
        yield variables
    finally:
        os.kill(int((home / "store" / "pid").read_text()), signal.SIGKILL)  # its data is not needed; stopping takes 3 s


@pytest.fixture
def s3(s3_server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of an empty store in S3, with the environment to reach it."""
    monkeypatch.delenv("EVERTUNE_SECRETS_FILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    return f"s3://test/{uuid.uuid4().hex}"


@pytest.fixture
def split_dataset(tmp_path: Path) -> Callable[[Sequence[str]], Path]:
    """Writes a split dataset with these texts for training and one row in each other split."""

    def write(texts: Sequence[str]) -> Path:
        directory = tmp_path / f"splits-{uuid.uuid4().hex[:8]}"
        directory.mkdir()
        columns = {"text": "string", "label": "string"}
        writer = DatasetWriter(directory, columns, ("train", "validation", "test"))
        for text in texts:
            writer.write({"text": text, "label": "positive"}, "train")
        for split in ("validation", "test"):
            writer.write({"text": f"a text of {split}", "label": "negative"}, split)
        writer.finish()
        return directory

    return write


@pytest.fixture
def version_config(
    tmp_path: Path, registry: Path, split_dataset: Callable[[Sequence[str]], Path]
) -> Callable[..., VersionConfig]:
    """Makes the configuration that versions a dataset with these texts, in a fresh registry and directory store."""
    card = tmp_path / "card"
    card.mkdir()
    (card / "README.md").write_text("# Data card\n")
    (card / "statistics.json").write_text("{}\n")

    def make(texts: Sequence[str] = ("good", "bad"), **changes: object) -> VersionConfig:
        values: dict[str, object] = {
            "splits": changes.pop("splits", None) or split_dataset(texts),
            "card": card,
            "dataset": "reviews",
            "registry": str(registry),
            "store": str(tmp_path / "store"),
            "source_reference": "reviews.csv#sha256=ab",
            "revision": tmp_path / "revision",
            "dataset_digest": tmp_path / "dataset_digest",
            "dvc_md5": tmp_path / "dvc_md5",
        }
        return VersionConfig(**(values | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh bare git repository, with an author in the environment."""
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "registry.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True)
    return path
