"""docker-bake.hcl, the steps' images and the pins agree; an image holds what it needs and nothing else."""

import importlib.util
import json
import re
import subprocess
import sys

import pytest
import yaml

from components.images import IMAGES
from pipelines.profiles import ROOT
from pipelines.steps import STEPS


def script(name):
    spec = importlib.util.spec_from_file_location(f"docker_{name}", ROOT / "docker" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = script("build")
TARGETS = BUILD.targets({})


def pins(group):
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / f"requirements/{group}.txt").read_text(), re.MULTILINE))


def test_bake_lists_the_images_that_steps_run_in():
    assert set(TARGETS) == set(IMAGES.values())
    bake = (ROOT / "docker/docker-bake.hcl").read_text()
    assert set(json.loads(re.search(r"targets = (\[.*?\])", bake)[1])) == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_image_runs_the_steps_that_name_it(name):
    assert TARGETS[name]["args"]["STEPS"].split() == [step for step in STEPS if IMAGES[step] == name]
    assert TARGETS[name]["tag"] == f"evertune-{name}:latest"


@pytest.mark.parametrize("name", TARGETS)
def test_image_carries_no_kubeflow_and_torch_only_where_it_computes(name):
    group = pins(TARGETS[name]["args"]["GROUP"])
    assert group
    assert not {one for one in group if one.startswith("kfp")}
    assert "torch" not in group
    assert bool(TARGETS[name]["args"].get("TORCH")) == (name in ("train", "evaluate"))


def test_variables_of_the_bake_file_can_be_set():
    changed = BUILD.targets({"BASE_IMAGE": "mirror.example/python:3.11", "TAG": "7", "REGISTRY": "r.example/"})
    assert changed["train"]["args"]["BASE_IMAGE"] == "mirror.example/python:3.11"
    assert changed["train"]["tag"] == "r.example/evertune-train:7"


def test_an_unknown_image_is_refused_with_those_there_are():
    with pytest.raises(BUILD.BuildError, match=r"no image trian; docker-bake\.hcl has ingest, clean"):
        BUILD.chosen(["trian"])


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git repository with files of two images and of none, each in a commit of its own."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]

    def commit(name):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
        subprocess.run(["git", "add", "--all"], cwd=tmp_path, check=True)
        subprocess.run(["git", *identity, "commit", "--quiet", "--message", name], cwd=tmp_path, check=True)
        return subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    monkeypatch.setattr(BUILD, "ROOT", tmp_path)
    return commit


def revision(name):
    return BUILD.revision(TARGETS[name]["args"])


def test_revision_is_the_last_commit_that_touched_the_image(checkout, tmp_path):
    shared = checkout("components/shared/files.py")
    assert {revision(name) for name in TARGETS} == {shared}
    own = checkout("components/train/core.py")
    checkout("README.md")
    checkout("components/train/component.py")
    assert revision("train") == own
    assert revision("clean") == shared
    (tmp_path / "components/train/core.py").write_text("changed\n")
    assert revision("train") == f"{own}-dirty"
    assert revision("clean") == shared


def test_the_image_that_checks_options_is_of_all_options(checkout):
    checkout("components/shared/files.py")
    options = checkout("components/train/config.py")
    assert revision("ingest") == options


def test_source_of_an_image_is_its_steps_and_no_definition(tmp_path):
    script("select_source").select(ROOT / "components", tmp_path / "app" / "components", ["clean", "split"])
    held = {path.name for path in (tmp_path / "app/components").iterdir()}
    assert held == {"__init__.py", "shared", "clean", "split"}
    assert not list(tmp_path.rglob("component.py"))
    assert {path.stat().st_mtime for path in (tmp_path / "app").rglob("*")} == {0}


def test_source_of_resolve_checks_the_options_of_all_steps(tmp_path):
    script("select_source").select(ROOT / "components", tmp_path / "app" / "components", ["resolve", "ingest"])
    assert {path.name for path in (tmp_path / "app/components/train").iterdir()} == {
        "__init__.py", "__main__.py", "config.py",
    }  # fmt: skip


def compiled(tmp_path, record, code=0):
    command = [sys.executable, "-m", "pipelines", "compile", "--into", str(tmp_path / "out"), "--images", str(record)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr


def test_compiled_pipelines_take_the_recorded_digests(tmp_path):
    record = tmp_path / "images.json"
    references = {name: f"127.0.0.1:5000/evertune-{name}@sha256:{name.encode().hex():0>64}" for name in TARGETS}
    record.write_text(json.dumps(references))
    compiled(tmp_path, record)
    spec = next(yaml.safe_load_all((tmp_path / "out/retrain.yaml").read_text()))
    for step in STEPS:
        container = spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"]
        assert container["image"] == references[IMAGES[step]]
        assert container["env"] == [{"name": "EVERTUNE_IMAGE", "value": references[IMAGES[step]]}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "cannot be read (No such file or directory). Run `make images`"),
        ("[1", "is not the record of a build. Run `make images`"),
        ('{"ingest": "a"}', "names no image clean, evaluate, train, version. Run `make images`"),
    ],
)
def test_a_wrong_record_of_images_is_told_in_one_line(tmp_path, text, told):
    record = tmp_path / "images.json"
    if text:
        record.write_text(text)
    error = compiled(tmp_path, record, code=2)
    assert told in error
    assert len(error.splitlines()) == 1
