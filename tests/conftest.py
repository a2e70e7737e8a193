"""Fixtures of all tests: a real object store and a fresh dataset registry."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

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
        store.stop(home)


@pytest.fixture
def s3(s3_server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of an empty store in S3, with the environment to reach it."""
    monkeypatch.delenv("EVERTUNE_SECRETS_FILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    for name, value in s3_server.items():
        monkeypatch.setenv(name, value)
    return f"s3://test/{uuid.uuid4().hex}"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh bare git repository, with an author in the environment."""
    for name, value in AUTHOR.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "registry.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True)
    return path
