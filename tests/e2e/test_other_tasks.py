"""A task beside classification from real texts to a decision: the same command, with a model made from nothing."""

import json

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PROFILE = """\
  small:
    task: translation
    source: .evertune/examples/translate.jsonl
    base_model: new://t5/width=32,layers=1,heads=2,vocabulary=600,positions=64
    dataset: small
    model_name: small
    ingest:
      label_map: ""
      meta_columns: origin
      where: origin=django
    split:
      train_rows: 200
    train:
      max_tokens: 32
      max_target_tokens: 16
      epochs: 1
"""


@pytest.fixture(scope="module")
def facts(clone):
    path = clone.path / "params.yaml"
    text = path.read_text()
    path.write_text(text + PROFILE)
    clone.evertune("run", "--profile", "small")
    yield json.loads((clone.path / ".evertune/last-run.json").read_text())
    path.write_text(text)


def test_translations_are_learned_tested_and_decided_on(clone, facts):
    assert facts["metric"] == "chrf"
    assert facts["reason"].startswith("the first model, chrf ")
    assert facts["metrics"]["test_rows"] > 100
    report = (clone.path / facts["report"]).read_text()
    assert "<h2>Before tuning</h2>" in report


def test_train_status_tells_that_it_is_done(clone, facts):
    # Trainings of other profiles may lie in the same store.
    told = [line.split()[1:3] for line in clone.evertune("train-status", "--profile", "small").stdout.splitlines()[1:]]
    assert told.count(["small/v1", "finished"]) == 1
