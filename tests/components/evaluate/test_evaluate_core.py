import json
import re
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from components.evaluate.core import run
from components.evaluate.predictions import predict
from components.shared import champions
from components.shared.errors import UserError
from components.shared.models import upload_model
from components.shared.objects import open_store


def evaluation_of(config):
    return json.loads((config.evaluation / "metrics.json").read_text())


@pytest.fixture
def promoted(tmp_path):
    """Makes a model the champion of a directory store; gives its identity."""

    def promote(model):
        store = open_store(str(tmp_path / "store"))
        record = champions.Champion(
            model_name="reviews",
            digest=upload_model(store, model),
            kind="promotion",
            reason="test",
            metrics={"accuracy": 0.5},
            dataset="reviews",
            dataset_revision="reviews/v1",
            dataset_digest="ab",
            lineage={},
            time="2026-01-01T00:00:00+00:00",
        )
        return champions.append(store, "reviews", record, None).identity

    return promote


def test_a_model_that_knows_all_is_perfect(configure):
    config = configure()
    result = run(config)
    measured = evaluation_of(config)["metrics"]
    assert measured["accuracy"] == measured["macro_f1"] == measured["roc_auc"] == 1.0
    assert json.loads(config.metrics.read_text())["baseline_accuracy"] == 0.5
    assert result.metadata["metrics"]["test_rows"] == 10


def test_what_a_model_gets_wrong_is_counted_and_shown(configure, english_model):
    config = configure(model=english_model)
    run(config)
    found = evaluation_of(config)
    assert found["metrics"]["accuracy"] == 0.8
    assert found["confusion"] == [[5, 0], [2, 3]]
    by_source = {one["value"]: one["accuracy"] for one in found["slices"] if one["slice"] == "source"}
    assert by_source == {"en": 1.0, "zh": 0.5}
    assert found["baseline"]["difference"]["accuracy"]["value"] == pytest.approx(0.3)
    assert (found["baseline"]["only_model_right"], found["baseline"]["only_baseline_right"]) == (5, 2)
    page = config.report.read_text()
    # The validation set says what is frequent; most training rows, which may have been balanced, are negative.
    assert "That is always answering positive. Of the test rows, only this model has 5 right" in page
    assert "好 film film" in page


def test_the_champion_is_measured_on_the_same_rows(configure, english_model, promoted):
    config = configure(champion=promoted(english_model))
    run(config)
    champion = evaluation_of(config)["champion"]
    assert champion["metrics"]["accuracy"] == 0.8
    assert champion["difference"]["accuracy"]["value"] == pytest.approx(0.2)
    assert (champion["only_model_right"], champion["only_champion_right"]) == (2, 0)
    assert not champion["same_model"]
    table = pq.read_table(config.evaluation / "predictions.parquet")
    assert table["champion_predicted"].to_pylist() != table["predicted"].to_pylist()


def test_a_model_that_is_the_champion_is_recognised(configure, right_model, promoted):
    config = configure(champion=promoted(right_model))
    run(config)
    champion = evaluation_of(config)["champion"]
    assert champion["same_model"]
    assert champion["difference"]["accuracy"]["value"] == 0.0
    assert "This model is the champion" in config.report.read_text()


def test_a_champion_that_is_not_in_the_history_is_refused(configure):
    with pytest.raises(UserError, match="no such champion"):
        run(configure(champion="000009-abcd"))


def test_leakage_is_told_when_the_source_repeats_itself(configure, card, english_model):
    statistics = json.loads((card / "statistics.json").read_text())
    (card / "statistics.json").write_text(
        json.dumps(statistics | {"copies": {"1": 2, "2": 10}, "dropped": {"beyond train_rows": 28}})
    )
    config = configure(model=english_model)
    run(config)
    found = json.loads(config.metrics.read_text())
    assert found["leaking_split_share"] == pytest.approx(20 * 0.8 / 22)
    # Of the eleven training rows it gets the two with Chinese praise wrong.
    expected = found["leaking_split_share"] * 9 / 11 + (1 - found["leaking_split_share"]) * 0.8
    assert found["leaking_split_accuracy"] == pytest.approx(expected)
    assert "exact copy of 72.7%" in config.report.read_text()


@pytest.mark.parametrize("known", ["{}", '{"splits": {"train": {"rows": 11}, "test": {"rows": 10}}}'])
def test_without_counted_copies_nothing_is_said_of_leakage(configure, card, known):
    (card / "statistics.json").write_text(known)
    config = configure()
    run(config)
    assert evaluation_of(config)["leakage"] is None
    assert "leaking" not in config.report.read_text()


def test_the_same_inputs_give_the_same_evaluation(configure, tmp_path):
    first, second = configure(), configure(evaluation=tmp_path / "again")
    run(first)
    run(second)
    for name in ("metrics.json", "predictions.parquet"):
        assert (first.evaluation / name).read_bytes() == (second.evaluation / name).read_bytes()


def test_a_model_trained_on_another_dataset_is_told(configure, right_model, tmp_path):
    model = shutil.copytree(right_model, tmp_path / "model")
    (model / "lineage.json").write_text(json.dumps({"dataset_digest": "ab" * 32}))
    config = configure(model=model)
    run(config)
    assert "trained on the dataset abababababababab and is tested on" in config.report.read_text()


def test_the_report_needs_nothing_from_outside(configure):
    config = configure()
    run(config)
    page = config.report.read_text()
    assert page.count("<svg") >= 6
    assert not re.search(r'(src|href)="(?!#)', page)


def test_predictions_do_not_depend_on_the_batch(right_model):
    texts = ["good film", "bad", "好 the film film film", "差"]
    alone, labels = predict(right_model, texts, 1)
    together, _ = predict(right_model, texts, 4)
    assert alone == pytest.approx(together, abs=1e-6)
    assert [labels[index] for index in together.argmax(axis=1)] == ["positive", "negative", "positive", "negative"]


def test_a_long_text_is_cut(right_model):
    probabilities, _ = predict(right_model, ["good " * 500], 1)
    assert probabilities.sum() == pytest.approx(1.0)


def test_a_directory_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a model directory"):
        predict(tmp_path, ["good"], 1)


def test_an_unfinished_dataset_is_refused_in_one_line(configure, data, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(data, broken)
    (broken / "manifest.json").unlink()
    config = configure(data=broken)
    flags = [f"--{name}={value}" for name, value in vars(config).items() if name not in ("confidence", "seed")]
    told = subprocess.run(
        [sys.executable, "-m", "components.evaluate", *flags], capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    assert "not a finished dataset (no manifest.json)" in told.stderr
    assert "Traceback" not in told.stderr
