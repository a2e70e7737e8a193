"""Experiment trackers: a real MLflow server with sqlite, and Weights & Biases as it writes when offline."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from components.shared.errors import UserError
from components.shared.files import sha256_of
from components.train import core, tracked_runs, tracking
from components.train.tracking import Tracker
from tests.components.train.stopping import stop_at
from tests.processes import PATIENCE, wait_for

pytestmark = [
    # What the libraries of the trackers say to each other.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `mlflow server`, which chooses its port and says it."""
    home = tmp_path_factory.mktemp("mlflow")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{home}/runs.db"]
    command += ["--host", "127.0.0.1", "--port", "0", "--workers", "1"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    said = home / "log"  # a pipe that nobody reads any more would be full one day
    with (
        said.open("wb") as log,
        subprocess.Popen(command, cwd=home, env=environment, start_new_session=True, stdout=log, stderr=log) as server,
    ):
        try:
            address = re.compile(r"running on (http://\S+)\s")
            wait_for(lambda: address.search(said.read_text()) or server.poll() is not None)
            assert server.poll() is None, said.read_text()
            yield address.search(said.read_text())[1]
        finally:
            os.killpg(server.pid, 9)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Trackers and trainings that wait for each other as long as a busy machine may need."""
    for module, name in ((tracking, "LAST_SECONDS"), (tracking, "STOPPED_SECONDS"), (tracked_runs, "INIT_SECONDS")):
        monkeypatch.setattr(module, name, PATIENCE)
    for name in ("MLFLOW_HTTP_REQUEST_TIMEOUT", "WANDB__SERVICE_WAIT"):
        monkeypatch.setenv(name, f"{PATIENCE:g}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")


@pytest.fixture
def client(mlflow_server, monkeypatch):
    """A client of the server, whose address trainings find in their environment."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    return MlflowClient(mlflow_server)


def told(config):
    return json.loads((config.model / "training.json").read_text())


def stopped_run(client, config, monkeypatch):
    """Stops a training after ten steps; gives its experiment."""
    stop_at(monkeypatch, config, 10)
    experiment = client.get_experiment_by_name("reviews").experiment_id
    (run,) = client.search_runs([experiment])
    assert run.info.status == "KILLED"
    return experiment


def test_mlflow_has_one_run_of_a_training_that_was_killed(client, configure, monkeypatch, tmp_path):
    config = configure(trackers="mlflow", checkpoint_steps=5, evaluations_per_epoch=1)
    experiment = stopped_run(client, config, monkeypatch)
    # So it goes on before steps that the server has already.
    next(tmp_path.rglob("0000000010/complete.json")).unlink()
    core.run(config)
    (run,) = client.search_runs([experiment])
    lineage = json.loads((config.model / "lineage.json").read_text())
    assert run.info.status == "FINISHED"
    assert run.data.params["dataset_digest"] == lineage["dataset_digest"]
    assert run.data.params["base_model"] == lineage["base_model"]
    assert run.data.params["options.seed"] == "17"
    for group, points in (("train", told(config)["history"]), ("validation", told(config)["validations"])):
        recorded = client.get_metric_history(run.info.run_id, f"{group}/loss")
        assert [(one.step, one.value) for one in recorded] == [(point["step"], point["loss"]) for point in points]


def test_trackers_change_neither_the_weights_nor_the_key(client, configure):
    plain, tracked = configure("plain", epochs=1), configure("tracked", epochs=1, trackers="mlflow")
    for config in (plain, tracked):
        core.run(config)
    name = "model.safetensors"
    assert sha256_of(plain.model / name) == sha256_of(tracked.model / name)
    keys = {json.loads((config.model / "lineage.json").read_text())["checkpoint_key"] for config in (plain, tracked)}
    assert len(keys) == 1


def test_server_that_is_down_stops_no_training(configure, monkeypatch, caplog):
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{nobody_listens.getsockname()[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        core.run(config := configure(trackers="mlflow", epochs=1))
    assert (config.model / "model.safetensors").exists()
    (line,) = [message for message in caplog.messages if "mlflow" in message]
    assert line.startswith("mlflow does not take the numbers, training goes on: ")


class Flaky:
    """A run that cannot be reached for the first calls."""

    def __init__(self, failures: int) -> None:
        self.failures, self.taken, self.ends = failures, [], []

    def start(self):
        if self.failures:
            self.failures -= 1
            raise ConnectionError("password in the address")

    def has(self, group, step):
        return step == 1

    def log(self, values, step):
        self.taken.append((step, values))

    def finish(self, done):
        self.ends.append(done)


def test_what_did_not_arrive_follows_and_what_is_there_is_not_sent_again(caplog, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "password")
    run = Flaky(failures=1)
    with Tracker("flaky", run) as tracker:
        for step in range(1, 4):
            tracker.add("train", {"step": step, "loss": 0.5})
    assert run.taken == [(2, {"train/loss": 0.5}), (3, {"train/loss": 0.5})]
    assert run.ends == [True]
    assert caplog.text.count("flaky does not take the numbers, training goes on: *** in the address") == 1


def test_wandb_writes_a_run_when_offline(configure, monkeypatch):
    from wandb.proto.wandb_internal_pb2 import Record
    from wandb.sdk.internal.datastore import DataStore

    monkeypatch.setenv("WANDB_MODE", "offline")
    config = configure(trackers="wandb", epochs=1)
    core.run(config)
    (file,) = config.logs.rglob("*.wandb")
    store, records = DataStore(), []
    store.open_for_scan(str(file))
    while data := store.scan_data():
        records.append(Record.FromString(data))
    (begun,) = [record.run for record in records if record.HasField("run")][:1]
    assert begun.run_id == json.loads((config.model / "lineage.json").read_text())["checkpoint_key"]
    assert begun.project == "reviews"
    losses = {}
    for record in records:
        values = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
        if "train/loss" in values:
            losses[values["_step"]] = values["train/loss"]
    assert losses == {point["step"]: point["loss"] for point in told(config)["history"]}


def refusal(config):
    with pytest.raises(UserError) as caught:
        core.run(config)
    return caught.value.line


def test_tracker_that_is_not_known(configure):
    with pytest.raises(UserError, match=r"train\.trackers: 'comet' is not known\. Use mlflow or wandb, or both"):
        configure(trackers="mlflow, comet")


def test_package_that_is_not_there(configure, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert "the package of wandb is not installed. Install wandb, or build the image" in refusal(
        configure(trackers="wandb")
    )


def test_no_address(configure, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert refusal(configure(trackers="mlflow")) == (
        "train.trackers: no variable says where mlflow is. Set MLFLOW_TRACKING_URI in the environment"
    )
