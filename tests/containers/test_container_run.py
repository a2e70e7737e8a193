"""The compiled pipeline, container by container: killed on the way, whole, and again.

The tests stand in the order in which things happen; each fixture is one run.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

from components.shared.manifest import damage, read_manifest
from pipelines import store
from pipelines.steps import STEPS
from tests.processes import wait_for

pytestmark = [pytest.mark.containers, pytest.mark.slow]


def only_line(error, told):
    """Checks that stderr is one line for people."""
    assert re.match(r"evertune: \w+Error: ", error)
    assert told in error
    assert len(error.splitlines()) == 1


@pytest.fixture(scope="module", autouse=True)
def embedded_store(clone, run):
    """Keeps the object store of the clone running."""
    clone.evertune("store", "start")
    lines = (clone.path / ".evertune/store/env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def checkpoints(variables):
    """The checkpoints of the container runs that are complete."""
    listed = store.client(variables).list_objects_v2(Bucket="evertune", Prefix="containers/checkpoints/")
    return [one["Key"] for one in listed.get("Contents", []) if one["Key"].endswith("/complete.json")]


def test_no_engine_is_told_in_one_line(run, tmp_path):
    _, error = run(code=2, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    only_line(error, f"unix://{tmp_path}/none.sock: no Docker engine answers. Start dockerd")


def test_an_image_that_no_registry_has_is_told_in_one_line(run, tmp_path):
    images = json.loads(run.images.read_text())
    images["clean"] = images["clean"][:-64] + "0" * 64
    (tmp_path / "images.json").write_text(json.dumps(images))
    _, error = run(code=2, images=tmp_path / "images.json")
    only_line(error, f"image of clean: {images['clean']} cannot be had")
    assert not (run.place / "outputs").exists(), "nothing may run"


def test_an_image_that_was_not_built_is_told_in_one_line(run, tmp_path):
    images = json.loads(run.images.read_text()) | {"train": "evertune-train:no-such-tag"}
    (tmp_path / "images.json").write_text(json.dumps(images))
    _, error = run(code=2, images=tmp_path / "images.json")
    only_line(error, "image of train: there is no image evertune-train:no-such-tag here. Run `make images`")


def processes(place):
    """Those that name a directory on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f"{place}/" in path.read_text(errors="replace"):
                found.append(int(path.parent.name))
    return found


@pytest.fixture(scope="module")
def mortal_engine(run):
    """An engine of its own to kill; gives its process and what must stand in DOCKER_HOST."""
    place = Path(tempfile.mkdtemp(prefix="dockerd-"))
    options = [f"--data-root={place}/data", f"--exec-root={place}/exec", f"--pidfile={place}/pid"]
    # With --bridge=none it would delete the bridge of the engine that everybody else uses.
    options += [
        f"--host=unix://{place}/sock",
        "--bridge=docker0",
        "--iptables=false",
        "--insecure-registry=127.0.0.0/8",
    ]
    with (place / "log").open("wb") as log:
        engine = subprocess.Popen(["dockerd", *options], stdout=log, stderr=log, start_new_session=True)
    host = f"unix://{place}/sock"
    wait_for(lambda: run.docker("--host", host, "version", code=None).returncode == 0)
    yield engine, host
    for process in processes(place):  # its containerd and the shims of its containers too
        os.kill(process, signal.SIGKILL)
    engine.wait()
    listed = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mounted in reversed([one for one in listed if one.startswith(f"{place}/")]):
        subprocess.run(["umount", "--lazy", mounted], check=False)
    shutil.rmtree(place, ignore_errors=True)


def test_an_engine_that_dies_is_told_in_one_line(run, mortal_engine, tmp_path):
    """Its only image serves all steps: the run does not come further than the first two."""
    engine, host = mortal_engine
    ingest = json.loads(run.images.read_text())["ingest"]
    (tmp_path / "images.json").write_text(json.dumps(dict.fromkeys(json.loads(run.images.read_text()), ingest)))
    running = run.start(images=tmp_path / "images.json", DOCKER_HOST=host)
    wait_for(lambda: run.docker("--host", host, "ps", "--quiet").stdout or running.poll() is not None)
    os.kill(engine.pid, signal.SIGKILL)
    _, error = run.end(running, code=75)
    only_line(error, "the Docker engine ended while it ran. Start dockerd and run again")
    assert not list((run.place / "outputs").rglob("manifest.json"))


@pytest.fixture(scope="module")
def killed(run, embedded_store):
    """A run whose train container is killed after its first checkpoint; what it wrote to stderr."""
    running = run.start()
    wait_for(lambda: (running.poll() is not None) or (checkpoints(embedded_store) and run.container("train")), 3600)
    run.docker("kill", "--signal", "KILL", run.container("train"))
    return run.end(running, code=75)[1]


def test_a_killed_training_is_told_in_one_line(killed, run):
    only_line(killed, "train: the container ended without a word, as when it is killed or out of memory")
    assert not (run.outputs() / "train/model").exists()
    assert not (run.outputs() / "evaluate").exists()
    assert not (run.clone.path / ".evertune/last-container-run.json").exists()


@pytest.fixture(scope="module")
def first(run, killed):
    """The run after that: its facts, its dataset, the commits of its registry, its log."""
    run()
    kept = run.outputs() / "fetch/data/manifest.json"
    return run.facts(), kept.read_bytes(), run.commits(), (run.place / "log").read_text()


def test_running_again_goes_on_from_the_checkpoint(first):
    assert "going on after step" in first[3]
    assert first[0]["decision"] == "promoted"


def test_steps_tell_time_and_memory_and_images_stand_by_digest(first, run):
    facts = first[0]
    assert set(facts["seconds"]) == set(facts["peak_megabytes"]) == set(STEPS)
    assert set(facts["images"].values()) == set(json.loads(run.images.read_text()).values())
    assert all("@sha256:" in image for image in facts["images"].values())
    lineage = json.loads((run.outputs() / "train/model/lineage.json").read_text())
    assert lineage["image"] == facts["images"]["train"]


def test_the_bytes_are_those_of_dvc_repro_on_this_machine(first, clone):
    clone("dvc", "repro", "--quiet", "version")
    assert (clone.path / "version/dataset_digest").read_text() == first[0]["dataset_digest"]
    assert (clone.path / "version/dvc_md5").read_text() == first[0]["dvc_md5"]


def test_dvc_pull_gives_the_same_bytes(first, run, embedded_store, tmp_path):
    def call(*command):
        environment = run.clone.environment | embedded_store
        subprocess.run(command, cwd=tmp_path / "registry", env=environment, check=True, capture_output=True)

    (tmp_path / "registry").mkdir()
    call("git", "clone", "--quiet", str(run.place / "registry.git"), ".")
    call("git", "checkout", "--quiet", first[0]["dataset_revision"])
    dataset = tmp_path / "registry" / "datasets/reviews"
    call("dvc", "pull", "--quiet", "datasets/reviews/data.dvc")
    assert (dataset / "data/manifest.json").read_bytes() == first[1]
    assert damage(dataset / "data", read_manifest(dataset / "data")) == []


@pytest.fixture(scope="module")
def second(run, first):
    """Another run with nothing changed."""
    run()
    return run.facts()


def test_a_second_run_gives_the_same_revision_and_no_commit(first, second, run):
    assert second["dataset_revision"] == first[0]["dataset_revision"]
    assert second["model_digest"] == first[0]["model_digest"]
    assert run.commits() == first[2]
    assert second["decision"] == "kept"
    assert "already" in second["reason"]


def test_stopping_the_run_stops_its_containers(second, run):
    running = run.start()
    wait_for(lambda: run.containers() or running.poll() is not None)
    running.terminate()
    _, error = run.end(running, code=143)
    assert error.startswith("evertune: Terminated: stopped by SIGTERM")
    assert run.containers() == []


def test_nothing_of_the_runs_is_left_to_root_or_the_image_user(second, run):
    """The registry is again of who started the run: git would refuse another's."""
    assert {path.stat().st_uid for path in (run.place / "registry.git").rglob("*")} == {os.getuid()}


def test_the_profile_is_the_default_one_but_for_the_training(run):
    values = yaml.safe_load((run.clone.path / "params.yaml").read_text())
    assert set(values["profiles"]["quick"]) == {"train"}
