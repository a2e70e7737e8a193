"""A model answers the same texts once; what is kept of it is never taken for something else."""

import pytest

from components.evaluate import core, prediction_cache
from components.evaluate.prediction_cache import CachedClassifier, Predictions
from components.evaluate.predictions import Classifier
from components.shared.objects import open_store

TEXTS = ["good film", "bad film", "the film"]


def no_model():
    raise AssertionError("the model is loaded")


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def filled(store, right_model):
    """What a model said of the texts, which is in the store now."""
    return CachedClassifier("ab", lambda: Classifier(right_model), store, 2).predict(TEXTS, "testing")


def test_an_evaluation_that_is_repeated_loads_no_model(configure, monkeypatch, tmp_path):
    first, second = configure(), configure(evaluation=tmp_path / "again")
    core.run(first)
    monkeypatch.setattr(core, "Classifier", lambda _: no_model())
    core.run(second)
    for name in ("metrics.json", "predictions.parquet"):
        assert (first.evaluation / name).read_bytes() == (second.evaluation / name).read_bytes()


def test_the_same_answers_come_back(store, filled):
    again = CachedClassifier("ab", no_model, store, 2).predict(TEXTS, "testing")
    assert (again.labels, again.seconds) == (filled.labels, filled.seconds)
    assert again.probabilities.tobytes() == filled.probabilities.tobytes()


@pytest.mark.parametrize(
    ("digest", "batch_size", "texts"),
    [("cd", 2, TEXTS), ("ab", 3, TEXTS), ("ab", 2, TEXTS[::-1]), ("ab", 2, ["good film", "bad filmthe film", ""])],
    ids=["model", "batch size", "order", "boundaries of texts"],
)
def test_whatever_decides_them_is_asked_for_anew(store, filled, digest, batch_size, texts):
    with pytest.raises(AssertionError, match="the model is loaded"):
        CachedClassifier(digest, no_model, store, batch_size).predict(texts, "testing")


def test_what_other_code_was_told_is_asked_for_anew(store, filled, monkeypatch):
    monkeypatch.setattr(prediction_cache, "sources_digest", lambda: "those of another version")
    with pytest.raises(AssertionError, match="the model is loaded"):
        CachedClassifier("ab", no_model, store, 2).predict(TEXTS, "testing")


@pytest.mark.parametrize("at", [0, 200, -30])
def test_damaged_answers_are_computed_again(store, filled, right_model, caplog, at):
    (key,) = store.keys("predictions/")
    data = bytearray(store.get(key))
    data[at] ^= 1
    store.put(key, bytes(data))
    again = CachedClassifier("ab", lambda: Classifier(right_model), store, 2).predict(TEXTS, "testing")
    assert f"{key} is computed again" in caplog.text
    assert again.probabilities.tobytes() == filled.probabilities.tobytes()
    assert CachedClassifier("ab", no_model, store, 2).predict(TEXTS, "testing").labels == filled.labels


def test_answers_to_other_texts_are_refused(filled):
    with pytest.raises(ValueError, match="not the predictions of these texts"):
        Predictions.from_bytes(filled.to_bytes(), len(TEXTS) + 1)
