"""A disk that is full: one line that says so, exit 75, nothing half written, and a rerun with room completes."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from components.shared.datasets import DatasetWriter
from components.shared.options import fields_of
from components.shared.references import pin_local
from components.shared.registry import revisions
from components.version.core import run as version
from tests.tiny_models import tiny_model_of

CODE = Path(__file__).parents[2]


@pytest.fixture
def small_disk(tmp_path, request):
    """A directory, and the beginning of a command that sees a file system of 64 kB there.

    Where a user may not mount one, or when the test asks for it, no file may grow beyond 4 kB instead.
    """
    place = tmp_path / "small"
    place.mkdir()
    script = f'mount -t tmpfs -o size=64k tmpfs {place} && exec "$@"'
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    wanted = getattr(request, "param", "small disk") == "small disk"
    if wanted and subprocess.run([*mount, "true"], capture_output=True, check=False).returncode == 0:
        return place, mount
    limit = f"import os, resource, sys; resource.setrlimit({resource.RLIMIT_FSIZE}, (4096, 4096)); "
    return place, [sys.executable, "-c", limit + "os.execvp(sys.argv[1], sys.argv[1:])"]


def called(step, flags, before=()):
    command = [
        *before,
        sys.executable,
        "-m",
        f"components.{step}",
        *(f"--{name}={value}" for name, value in flags.items()),
    ]
    return subprocess.run(command, cwd=CODE, capture_output=True, text=True, check=False)


def ended_for_want_of_space(done):
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 75, done.stderr
    assert "Traceback" not in done.stderr
    assert "space" in last or "too large" in last, last
    return 1


@pytest.fixture
def texts():
    """Much that does not shrink."""
    chance = random.Random(1)
    return ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz ", k=200)) for _ in range(2000)]


@pytest.mark.parametrize("small_disk", ["small disk", "limit of files"], indirect=True)
def test_ingest(small_disk, tmp_path, texts, injected):
    place, before = small_disk
    (tmp_path / "texts.csv").write_text("text,label\n" + "".join(f"{text},{text < 'm'}\n" for text in texts))
    flags = {"source_reference": pin_local(str(tmp_path / "texts.csv"), "source"), "task": "classification"}
    flags["evaluation_texts"] = tmp_path / "evaluation_texts"
    small = {"raw": place / "raw", "rejects": place / "rejects"}
    injected("full disk: ingest", ended_for_want_of_space(called("ingest", flags | small, before)), "one line, exit 75")
    assert called("ingest", flags | {"raw": tmp_path / "raw", "rejects": tmp_path / "rejects"}).returncode == 0
    assert not (place / "raw").exists()
    assert not list(place.glob(".*"))


def test_clean_and_split(small_disk, tmp_path, texts, injected):
    place, before = small_disk
    (tmp_path / "raw").mkdir()
    writer = DatasetWriter(tmp_path / "raw", {"text": "string", "label": "string"})
    for text in texts:
        writer.write({"text": text, "label": "ab"[text < "m"]})
    writer.finish()
    flags = {
        "clean": {"raw": tmp_path / "raw", "task": "classification", "processes": 1},
        "split": {"cleaned": tmp_path / "cleaned", "findings": tmp_path / "findings", "task": "classification"},
    }
    for step, outputs in {"clean": ("cleaned", "findings"), "split": ("splits", "card")}.items():
        small = {name: place / name for name in outputs} | {"report": tmp_path / "report"}
        injected(
            f"full disk: {step}",
            ended_for_want_of_space(called(step, flags[step] | small, before)),
            "one line, exit 75, nothing half written",
        )
        assert list(place.iterdir()) == []
        room = {name: tmp_path / name for name in outputs} | {"report": tmp_path / "report"}
        assert called(step, flags[step] | room).returncode == 0


def test_version_and_fetch(small_disk, tmp_path, texts, version_config, registry, injected):
    place, before = small_disk
    config = version_config(texts)
    flags = {name: getattr(config, name) for name in fields_of(type(config))}
    done = called("version", flags | {"store": place / "store"}, before)
    injected("full disk: the store of version", ended_for_want_of_space(done), "one line, exit 75, no revision")
    assert revisions(str(registry)) == []
    version(config)
    flags = {"dataset": "reviews", "registry": registry, "revision": "reviews/v1"}
    done = called("fetch", flags | {"data": place / "data", "card": place / "card"}, before)
    injected("full disk: the output of fetch", ended_for_want_of_space(done), "one line, exit 75, no output")
    assert called("fetch", flags | {"data": tmp_path / "data", "card": tmp_path / "out"}).returncode == 0


def test_train(small_disk, tmp_path, injected):
    place, before = small_disk
    rows = [{"text": f"a film of {number} minutes", "label": "ab"[number % 2]} for number in range(20)]
    (tmp_path / "data").mkdir()
    writer = DatasetWriter(tmp_path / "data", {"text": "string", "label": "string"}, ("train", "validation", "test"))
    for number, row in enumerate(rows):
        writer.write(row, ("train", "validation")[number > 15])
    writer.finish()
    model = tiny_model_of("bert", tmp_path / "base", [row["text"] for row in rows])
    flags = {
        "data": tmp_path / "data",
        "base_model_reference": pin_local(str(model), "base_model"),
        "task": "classification",
        "dataset": "films",
        "revision": "films/v1",
        "checkpoints": tmp_path / "checkpoints",
        "batch_size": 4,
        "max_tokens": 16,
    }
    small = {name: place / name for name in ("model", "metrics", "logs")}
    injected("full disk: train", ended_for_want_of_space(called("train", flags | small, before)), "one line, exit 75")
    assert called("train", flags | {name: tmp_path / name for name in small}).returncode == 0
    assert not (place / "model").exists()
