"""Fixtures of all tests: a real object store and a fresh dataset registry."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from components.shared import dvc_remote
from components.shared.datasets import DatasetWriter
from components.shared.objects import open_store
from components.version.config import Config as VersionConfig
from pipelines import store
from pipelines.profiles import ROOT

# The same examples on every machine, however slow it is.
settings.register_profile(
    "same", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

# What whoever runs the tests has set for himself is not for them; a proxy leads to no server of theirs.
MEANT = ("EVERTUNE_SOAK", "EVERTUNE_GUARANTEES", "EVERTUNE_KFP_")
SET = ("AWS_", "EVERTUNE_", "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_TOKEN", "MLFLOW_", "TRANSFORMERS_OFFLINE", "WANDB_")
for name in list(os.environ):
    if name.startswith(SET) and not name.startswith(MEANT):
        del os.environ[name]
for name in ("NO_PROXY", "no_proxy"):
    os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1", "localhost"]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests come first, so that no process is left alone with one at the end."""
    weight = dict.fromkeys((item.path for item in items), 0)
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        weight[item.path] = max(weight[item.path], 2 * ("e2e" in marks) + ("slow" in marks))
    items.sort(key=lambda item: -weight[item.path])


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Names bytes by their argument: compressed ones hold the time, so each process would collect other tests."""
    return argname if isinstance(val, bytes) else None


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
            "report": tmp_path / "report.html",
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


@pytest.fixture
def quick_add(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes the pointer and the cache as `dvc add` does, without the second that its process takes."""

    def add(clone: Path, dataset: str, deadline: object) -> str:
        place, cache = clone / dvc_remote.dataset_path(dataset), open_store(str(clone / ".dvc" / "cache"))
        files = {path.name: path.read_bytes() for path in (place / "data").iterdir()}
        listing = dvc_remote.listing_bytes({name: dvc_remote.md5_of(data) for name, data in files.items()})
        for data in files.values():
            cache.put(dvc_remote.object_key(dvc_remote.md5_of(data)), data)
        md5 = f"{dvc_remote.md5_of(listing)}.dir"
        cache.put(dvc_remote.object_key(md5), listing)
        pointer = f"outs:\n- md5: {md5}\n  hash: md5\n  path: data\n"
        (place / "data.dvc").write_text(pointer)
        return pointer

    monkeypatch.setattr(dvc_remote, "add", add)


@pytest.fixture
def without_dvc(quick_add: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads as `dvc push` does as well."""

    def push(clone: Path, dataset: str, deadline: object) -> None:
        store, cache = open_store(dvc_remote.remote_url(clone)), clone / ".dvc" / "cache"
        for key in sorted(open_store(str(cache)).keys(), key=lambda key: key.endswith(".dir")):
            store.upload(cache / key, key)

    monkeypatch.setattr(dvc_remote, "push", push)


class Injections:
    """Counts the faults that a test injects; tells of them only if the test passes."""

    def __init__(self) -> None:
        self.made: list[dict[str, object]] = []

    def __call__(self, kind: str, count: int, outcome: str) -> None:
        """Notes that a fault was injected `count` times and what came of it."""
        self.made.append({"kind": kind, "count": count, "outcome": outcome})


INJECTED = pytest.StashKey[Injections]()


@pytest.fixture
def injected(request: pytest.FixtureRequest) -> Injections:
    """Takes note of injected faults, for docs/reference/guarantees.md (see docs/guarantees.py)."""
    return request.node.stash.setdefault(INJECTED, Injections())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    named = os.environ.get("EVERTUNE_GUARANTEES")
    if named and call.when == "call" and report.passed and INJECTED in item.stash:
        name = item.nodeid.partition("[")[0]
        with Path(named).open("a", encoding="utf-8") as file:
            file.writelines(json.dumps({**one, "test": name}) + "\n" for one in item.stash[INJECTED].made)
    return report


class Clone:
    """A clone with the commands of `evertune`, each a process of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "EVERTUNE_"))}
        self.environment = {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}

    def __call__(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs a command in the clone and checks its exit code."""
        done = subprocess.run(command, cwd=self.path, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done

    def evertune(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs `evertune` with the clone's own code."""
        return self(sys.executable, "-m", "pipelines", *arguments, code=code)

    def status(self) -> str:
        """What git sees as changed or new."""
        return self("git", "status", "--porcelain").stdout


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A fresh clone of the repository as it is, in which the commands run like a newcomer runs them."""
    path = tmp_path_factory.mktemp("clone") / "evertune"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(path)], check=True)
    # What is not committed yet is tested too.
    listed = subprocess.run(
        ["git", "ls-files", "--modified", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in listed:
        if (ROOT / name).exists():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    if listed:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", "add", "--all"], cwd=path, check=True)
        subprocess.run(["git", *identity, "commit", "--quiet", "--message", "as it is"], cwd=path, check=True)
    made = Clone(path)
    yield made
    made.evertune("store", "stop")
