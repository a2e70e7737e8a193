"""Versioning: one revision for each content, bytes before pointers, nothing that a plain DVC cannot read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.shared import dvc_remote
from components.shared.commands import Deadline, program
from components.shared.errors import RetryError, UserError
from components.shared.manifest import read_manifest
from components.shared.objects import open_store
from components.shared.registry import revisions
from components.version import publishing
from components.version.config import Config
from components.version.core import run

Make = Callable[..., Config]
quickly = pytest.mark.usefixtures("without_dvc")


@pytest.fixture(params=["with DVC", "with its stand-in"])
def either_way(request: pytest.FixtureRequest) -> None:
    """So that what other tests write without DVC is what DVC writes."""
    if request.param != "with DVC":
        request.getfixturevalue("without_dvc")


def git(*arguments: str, cwd: Path) -> str:
    return subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True).stdout


@quickly
def test_new_content_is_a_new_revision_with_its_own_card(version_config: Make, registry: Path) -> None:
    config = version_config(["good", "bad"])
    first = run(config)
    (config.card / "statistics.json").unlink()
    (config.card / "plots").mkdir()
    (config.card / "plots" / "lengths.svg").write_text("<svg/>")
    assert first.parameters["revision"] == "reviews/v1"
    assert first.parameters["dataset_digest"] == read_manifest(config.splits).digest
    second = version_config(["good", "bad", "new"], evaluation_reference="exams#commit=ab")
    assert run(second).parameters["revision"] == "reviews/v2"
    assert [(one.revision, one.rows) for one in revisions(str(registry))] == [("reviews/v1", 4), ("reviews/v2", 5)]
    lineage = json.loads(git("show", "reviews/v2:datasets/reviews/lineage.json", cwd=registry))
    assert (lineage["previous_revision"], lineage["evaluation_reference"]) == ("reviews/v1", "exams#commit=ab")
    listed = git("ls-tree", "-r", "--name-only", "main", "datasets/reviews", cwd=registry).split()
    assert [name.removeprefix("datasets/reviews/") for name in listed] == [
        *(".gitignore", "README.md", "data.dvc", "lineage.json", "manifest.json", "plots/lengths.svg")
    ]


def test_only_what_is_new_is_uploaded_and_same_content_is_no_commit(
    version_config: Make, registry: Path, s3: str
) -> None:
    def state() -> tuple[str, set[str]]:
        return git("log", "--all", "--format=%H", cwd=registry), set(open_store(s3).keys())

    first = run(version_config(["good"], store=s3))
    before = state()
    run(version_config(["good", "appended"], store=s3))
    after = state()
    assert len(after[1] - before[1]) == 3, "the training shard, the manifest and the list of files"
    assert run(version_config(["good"], store=s3)).parameters == first.parameters
    assert state() == after


@pytest.mark.usefixtures("either_way")
def test_the_hash_is_the_one_of_a_plain_dvc(version_config: Make, tmp_path: Path) -> None:
    config = version_config()
    dvc, place = program("dvc"), tmp_path / "plain"
    shutil.copytree(config.splits, place / "data")
    subprocess.run([dvc, "init", "--quiet", "--no-scm"], cwd=place, check=True)
    subprocess.run([dvc, "add", "--quiet", "data"], cwd=place, check=True)
    assert f"md5: {run(config).parameters['dvc_md5']}\n" in (place / "data.dvc").read_text()


@pytest.mark.usefixtures("either_way")
def test_a_person_gets_the_bytes_with_git_and_dvc(
    version_config: Make, registry: Path, tmp_path: Path, s3: str
) -> None:
    config = version_config(store=s3)
    revision = run(config).parameters["revision"]
    git("clone", "--quiet", "--branch", revision, str(registry), str(tmp_path / "clone"), cwd=tmp_path)
    subprocess.run([program("dvc"), "pull", "--quiet"], cwd=tmp_path / "clone", check=True)
    pulled = tmp_path / "clone" / "datasets" / "reviews" / "data"
    for path in config.splits.iterdir():
        assert (pulled / path.name).read_bytes() == path.read_bytes()


def test_writers_at_once_make_a_linear_history(version_config: Make, registry: Path, s3: str) -> None:
    configs = [version_config([f"text {number}"], store=s3) for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(run, configs))
    assert sorted(result.parameters["revision"] for result in results) == ["reviews/v1", "reviews/v2", "reviews/v3"]
    assert git("rev-list", "--merges", "--count", "main", cwd=registry).strip() == "0"
    known = {one.revision: one.digest for one in revisions(str(registry), "reviews")}
    assert known == {result.parameters["revision"]: result.parameters["dataset_digest"] for result in results}


@quickly
def test_writers_of_the_same_content_share_a_revision(version_config: Make, registry: Path) -> None:
    configs = [version_config(["same"]) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(run, configs)
    assert one.parameters == two.parameters
    assert git("tag", cwd=registry).split() == ["reviews/v1"]


@quickly
def test_a_death_between_the_two_uploads_leaves_nothing_to_trip_over(
    version_config: Make, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = version_config()

    def die(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(publishing, "_push", die)
        with pytest.raises(KeyboardInterrupt):
            run(config)
    assert revisions(str(registry)) == []
    assert run(config).parameters["revision"] == "reviews/v1"


def test_lost_objects_are_uploaded_again(version_config: Make, s3: str) -> None:
    config, store = version_config(store=s3), open_store(s3)
    md5 = run(config).parameters["dvc_md5"]
    before = store.keys()
    for key in before:
        if not key.endswith(".dir"):
            store.delete(key)
    assert len(dvc_remote.defects(f"{s3}/dvc", md5, Deadline(60), deep=False)) == 4
    run(config)
    assert store.keys() == before
    assert dvc_remote.defects(f"{s3}/dvc", md5, Deadline(60), deep=True) == []


@quickly
def test_two_datasets_share_a_registry(version_config: Make, registry: Path) -> None:
    run(version_config(["one"], dataset="a"))
    run(version_config(["one"], dataset="b"))
    assert [one.revision for one in revisions(str(registry))] == ["a/v1", "b/v1"]


@quickly
def test_a_registry_that_does_not_exist_is_made(version_config: Make, tmp_path: Path) -> None:
    config = version_config(registry=str(tmp_path / "new" / "registry.git"))
    assert run(config).parameters["revision"] == "reviews/v1"
    assert git("show", "main:README.md", cwd=tmp_path / "new" / "registry.git").startswith("# Dataset registry")


def test_damaged_shards_are_not_versioned(version_config: Make, tmp_path: Path) -> None:
    config = version_config()
    shard = next(config.splits.glob("train-*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match=r"train-00000.parquet: content differs .*Run `split` again"):
        run(config)
    assert not (tmp_path / "store").exists()


@quickly
def test_another_store_is_refused(version_config: Make, tmp_path: Path) -> None:
    run(version_config())
    with pytest.raises(UserError, match="store: this registry keeps its data in"):
        run(version_config(["other"], store=str(tmp_path / "elsewhere")))


def test_a_card_must_not_cover_the_pointer(version_config: Make) -> None:
    config = version_config()
    (config.card / "data.dvc").write_text("")
    with pytest.raises(UserError, match=r"data.dvc cannot lie beside a dataset"):
        run(config)


@pytest.mark.parametrize("dataset", ["", "Reviews", "../x", "a/b", "a..b", "a.lock", "-x", "a b"])
def test_names_that_cannot_be_tags(version_config: Make, dataset: str) -> None:
    with pytest.raises(UserError, match=r"dataset: .* is not a name"):
        version_config(dataset=dataset)


def test_a_directory_that_is_no_registry(version_config: Make, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(UserError, match=r"no git repository: .*Correct `registry`"):
        run(version_config(registry=str(tmp_path / "plain")))


def test_a_server_that_is_not_there(version_config: Make) -> None:
    with pytest.raises(RetryError, match=r"git failed: fatal: unable to access"):
        run(version_config(registry="http://127.0.0.1:9/registry.git"))


def test_a_password_in_the_address_is_refused_and_not_repeated(version_config: Make) -> None:
    with pytest.raises(UserError, match="registry: the address holds a password") as caught:
        version_config(registry="https://someone:canary@example.org/registry.git")
    assert "canary" not in caught.value.line


@quickly
def test_a_hook_that_declines_is_told(version_config: Make, registry: Path) -> None:
    hook = registry / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho only on Mondays >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(UserError, match="the registry refused"):
        run(version_config())


def test_settings_of_the_user_do_not_reach_the_registry(
    version_config: Make, registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "gitconfig"
    mine.write_text("[commit]\n gpgsign = true\n[core]\n excludesFile = /dev/stdin\n autocrlf = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(mine))
    monkeypatch.setenv("GIT_DIR", os.devnull)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("EVERTUNE_GIT_AUTHOR", "Robot <robot@example.org>")
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"):
        monkeypatch.delenv(name)
    run(version_config())
    monkeypatch.delenv("GIT_DIR")
    assert git("log", "-1", "--format=%an <%ae>", "main", cwd=registry) == "Robot <robot@example.org>\n"
