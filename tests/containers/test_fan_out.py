"""The loop of shares under kfp's DockerRunner: `clean` in containers, one for each share, then one for all of them."""

import json
import os

import pytest
from google.protobuf.json_format import MessageToDict
from kfp import components, dsl, local

from components.clean.component import clean
from components.clean.core import run
from components.shared import datasets
from components.shared.datasets import Dataset
from components.shared.files import tree_digest
from components.shared.objects import open_store
from pipelines.containers import IMAGE_USER, RESTRICTED
from pipelines.flow import Shares, pipeline
from pipelines.steps import option_defaults
from tests.components.clean.cleaner import TEXTS, Cleaner, write_evaluation

pytestmark = [pytest.mark.containers, pytest.mark.slow]


def fanned_out(raw, texts):
    """A pipeline of nothing but `clean` over eight pods, without the pauses of retries."""

    def graph(flow):
        """Cleans in shares."""
        places = {"raw": raw, "evaluation_texts": texts}
        given = {
            name: dsl.importer(artifact_uri=str(place), artifact_class=dsl.Dataset).output
            for name, place in places.items()
        }
        flow.add_shares(flow.add(clean, **given, share=""), clean, **given)

    made = pipeline("fan-out", graph, ("clean",), ("task", "store"), Shares(8))
    spec = json.loads(json.dumps(MessageToDict(made.pipeline_spec)))
    for one in (spec["root"], *spec["components"].values()):
        for task in one.get("dag", {}).get("tasks", {}).values():
            task.pop("retryPolicy", None)
    return components.load_component_from_text(json.dumps(spec))


@pytest.fixture
def outputs(tmp_path):
    """Where the containers' user may write."""
    place = tmp_path / "outputs"
    place.mkdir()
    return place


@pytest.mark.filterwarnings("ignore:.*have no effect in the current local runner:UserWarning")
def test_shares_in_containers_give_the_bytes_of_one_process(docker, s3, s3_server, tmp_path, outputs, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(datasets, "SHARD_ROWS", 64)
        exams = write_evaluation(outputs / "exams", [" ".join(f"w7x{place}" for place in range(10, 30))])
        config = Cleaner(outputs).config(TEXTS[:600], evaluation_texts=exams)
    run(config)
    assert json.loads((config.findings / "counts.json").read_text())["dropped"]["overlaps the evaluation set"] == 3
    shards = len(Dataset(outputs / "raw").manifest.splits["all"])
    assert shards >= 8
    user = os.getuid() or IMAGE_USER
    for path in (outputs, *outputs.rglob("*")) if user == IMAGE_USER else ():
        os.chown(path, user, user)
    runner = local.DockerRunner(**RESTRICTED, user=f"{user}:{user}", network_mode="host", environment=dict(s3_server))
    local.init(runner=runner, pipeline_root=str(outputs), workspace_root=str(tmp_path / "workspace"))
    options = {f"clean_{name}": value for name, value in option_defaults("clean").items()}
    fanned_out(outputs / "raw", exams)(task="classification", store=s3, **options)
    (made,) = outputs.glob("fan-out-*")
    for name in ("cleaned", "findings"):
        assert tree_digest(made / "clean" / name) == tree_digest(outputs / name)
    said = sorted(path.read_text() for path in made.glob("for-loop-*-iteration-*/clean-2/cleaned/share.txt"))
    assert [one.partition(":")[0] for one in said] == [f"share {number}/8" for number in range(1, 9)]
    keys = open_store(s3).keys("cleanings/")
    assert sum("/shard." not in key for key in keys) == 3 * shards
    assert sum("/shard." in key for key in keys) == 2 * len(Dataset(outputs / "cleaned").manifest.splits["all"])
