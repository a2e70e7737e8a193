"""What each image is: restricted, labelled, small, without build tools, quick to stop, plain about a bad volume."""

import json
import os
import random
import re
from itertools import cycle

import pytest

from components.images import IMAGES
from components.shared.options import IDENTITY, OPTION, fields_of
from pipelines.profiles import ROOT
from pipelines.steps import STEPS, config_of
from tests.processes import wait_for

pytestmark = [pytest.mark.containers, pytest.mark.slow]

STEP_OF = {family: step for step, family in IMAGES.items()}
MEGABYTES = {"ingest": 450, "clean": 450, "version": 350, "train": 1400}


@pytest.fixture(scope="module")
def sizes(docker):
    """Megabytes without the base image."""
    base = docker.inspect("python:3.11-slim-bookworm")["Size"]
    return {family: (docker.inspect(docker.image(step))["Size"] - base) / 1e6 for family, step in STEP_OF.items()}


@pytest.mark.parametrize("family", MEGABYTES)
def test_image_is_small(sizes, family):
    assert sizes[family] <= MEGABYTES[family]


def test_evaluate_is_about_as_large_as_train(sizes):
    assert sizes["evaluate"] <= sizes["train"] + 200


@pytest.mark.parametrize("step", STEP_OF.values(), ids=STEP_OF)
def test_image_has_a_numeric_user_and_labels(docker, step):
    config = docker.inspect(docker.image(step))["Config"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert config["User"] == "10001:10001"
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", labels["revision"])
    assert labels["title"] == f"evertune-{IMAGES[step]}"
    assert labels["version"] in (ROOT / "pyproject.toml").read_text()
    assert "source" in labels


@pytest.mark.parametrize("step", STEP_OF.values(), ids=STEP_OF)
def test_image_has_no_build_tools_and_no_kubeflow(docker, step):
    modules = {"kfp", "pip", "setuptools", *([] if IMAGES[step] in ("train", "evaluate") else ["torch"])}
    look = f"from importlib.util import find_spec; print([one for one in {sorted(modules)} if find_spec(one)])"
    run = ("run", "--rm", "--network", "none", docker.image(step))
    assert docker(*run, "python", "-c", look).stdout.strip() == "[]"
    tools = "command -v gcc cc c++ ld make pip curl wget || true"
    assert docker(*run, "/bin/sh", "-c", tools).stdout.strip() == ""


@pytest.mark.parametrize("step", STEPS)
def test_step_answers_under_restriction(docker, step):
    assert f"python -m components.{step}" in docker.step(step, "--help").stdout


def blocked(step, fifo):
    """Flags with which a step waits for an identity that never comes."""
    kinds = {name: field.metadata["kind"] for name, field in fields_of(config_of(step)).items()}
    names = [name for name, kind in kinds.items() if kind != OPTION]
    first = next(name for name in names if kinds[name] == IDENTITY)
    return [f"--{name}={f'@{fifo}' if name == first else '/tmp/unset'}" for name in names]


@pytest.mark.parametrize("step", STEPS)
def test_docker_stop_reaches_the_step(docker, tmp_path, step):
    """It ends with its own exit code: 137 would say that it was killed after the minute."""
    given = tmp_path / "given"
    given.mkdir()
    os.mkfifo(given / "identity")
    options = ("--detach", "--network", "none", "--volume", f"{given}:/given:ro")
    command = ("python", "-m", f"components.{step}", *blocked(step, "/given/identity"))
    container = docker("run", *options, docker.image(step), *command).stdout.strip()
    try:
        writer = wait_for(lambda: opened(given / "identity"))
        docker("stop", "--time", "60", container)
        os.close(writer)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout.strip() == "143"
        assert "Terminated: stopped by SIGTERM" in docker("logs", container).stderr
    finally:
        docker("rm", "--force", container)


def opened(fifo):
    """A descriptor of the FIFO once somebody reads from it."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


@pytest.fixture
def texts(tmp_path):
    """A folder with a source of 2,000 rows."""
    (tmp_path / "in").mkdir()
    texts = (random.Random(number).randbytes(40).hex() for number in range(2000))
    rows = "".join(f"{text},{label}\n" for text, label in zip(texts, cycle(["good", "bad"]), strict=False))
    (tmp_path / "in" / "texts.csv").write_text(f"text,label\n{rows}")
    return tmp_path / "in"


def ingest(docker, texts, *volumes, code):
    from components.shared.references import pin_local

    reference = f"/in/texts.csv#{pin_local(str(texts / 'texts.csv'), 'source').pin}"
    outputs = [f"--{name}=/out/a/{name}" for name in ("raw", "evaluation_texts", "rejects")]
    flags = (f"--source_reference={reference}", "--task=classification", *outputs)
    return docker.step("ingest", *flags, options=("--volume", f"{texts}:/in:ro", *volumes), code=code)


def test_ingest_writes_to_a_volume_under_restriction(docker, texts, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o777)
    ingest(docker, texts, "--volume", f"{tmp_path / 'out'}:/out", code=0)
    assert (tmp_path / "out/a/raw/manifest.json").stat().st_size


@pytest.fixture
def full(docker):
    """A volume of 64 kB, which keeps what was written to it."""
    options = ("--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=64k,mode=1777")
    name = docker("volume", "create", *options).stdout.strip()
    # A tmpfs lives as long as a container uses it.
    run = ("run", "--detach", "--network", "none", "--volume", f"{name}:/out")
    holder = docker(*run, docker.image("ingest"), "sleep", "infinity").stdout.strip()
    yield name, holder
    docker("rm", "--force", holder)
    docker("volume", "rm", name)


def test_a_full_volume_is_told_in_one_line_and_nothing_looks_finished(docker, texts, full):
    name, holder = full
    told = ingest(docker, texts, "--volume", f"{name}:/out", code=75)
    assert told.stderr.splitlines()[-1].startswith("evertune ingest: RetryError: ")
    assert "no space left" in told.stderr
    assert "Traceback" not in told.stderr
    finished = docker("exec", holder, "find", "/out", "-name", "manifest.json").stdout.split()
    assert finished == ["/out/a/evaluation_texts/manifest.json"], "the empty one, which was written before"


def test_a_read_only_volume_is_told_in_one_line(docker, texts, tmp_path):
    (tmp_path / "out").mkdir()
    told = ingest(docker, texts, "--volume", f"{tmp_path / 'out'}:/out:ro", code=2)
    assert told.stderr.splitlines()[-1].startswith("evertune ingest: UserError: /out")
    assert "Read-only file system" in told.stderr
    assert "Traceback" not in told.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_bill_of_materials_names_each_pinned_package(docker, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docker"))
    import describe

    monkeypatch.setattr(describe, "SBOM", tmp_path)
    assert describe.bill("clean", docker.image("clean"))["deb"] > 50
    listed = json.loads((tmp_path / "clean.json").read_text())
    assert listed["bomFormat"] == "CycloneDX"
    held = {f"{part['name'].lower()}=={part['version']}" for part in listed["components"] if "version" in part}
    pins = (ROOT / "requirements/clean.txt").read_text()
    assert set(re.findall(r"^[a-z0-9-]+==[\w.]+", pins, re.MULTILINE)) <= held
