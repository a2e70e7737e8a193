import subprocess
import sys

import pytest
import yaml

from pipelines import profiles, workspace


@pytest.fixture
def made(tmp_path):
    return workspace.prepare("reviews", profiles.load("reviews"), tmp_path)


def test_workspace_runs_the_stages_of_the_repository(made):
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only"],
        cwd=made,
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.split()[0] == "resolve"
    assert len(listed.stdout.split()) == 9


def test_places_of_the_machine_lie_beside_the_workspace(made):
    values = yaml.safe_load((made / "params.yaml").read_text())
    assert values["registry"] == "../registry.git"
    assert values["store"] == "s3://evertune"
    assert "profiles" not in values


def test_relative_paths_still_name_the_same_file(made):
    moved = workspace.relocate("source", "dvc.yaml", made)
    assert (made / moved).exists()
    assert (made / moved).samefile(profiles.ROOT / "dvc.yaml")


def test_an_evaluation_set_is_still_the_same_and_none_is_none(made):
    assert workspace.relocate("evaluation_set", "", made) == ""
    moved = workspace.relocate("evaluation_set", "dvc.yaml,dvc+.evertune/registry.git//x@v1,s3://bucket/x", made)
    local, dvc, stays = moved.split(",")
    assert (made / local).samefile(profiles.ROOT / "dvc.yaml")
    repository = (made / dvc.removeprefix("dvc+").partition("//")[0]).resolve()
    assert repository == profiles.ROOT / ".evertune/registry.git"
    assert (dvc.partition("//")[2], stays) == ("x@v1", "s3://bucket/x")


def test_files_that_options_name_are_still_found(made):
    moved = workspace.relocate("clean", {"blocked_words": "dvc.yaml#sha256=1", "languages": "en"}, made)
    path, _, pin = moved["blocked_words"].partition("#")
    assert (made / path).samefile(profiles.ROOT / "dvc.yaml")
    assert (pin, moved["languages"]) == ("sha256=1", "en")


def test_names_are_not_taken_for_paths(made):
    assert workspace.relocate("dataset", "tests", made) == "tests"


def test_preparing_again_changes_nothing(made, tmp_path):
    def state():
        return {path: (path.lstat().st_ino, path.is_symlink()) for path in made.iterdir() if path.is_symlink()}

    before = state()
    assert len(before) == len(workspace.LINKED)
    workspace.prepare("reviews", profiles.load("reviews"), tmp_path)
    assert state() == before
