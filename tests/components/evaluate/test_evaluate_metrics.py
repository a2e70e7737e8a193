import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluate.comparison import compare
from components.evaluate.metrics import Bootstrap, Outcome, confusion, interval, outcome, per_label, scores
from components.evaluate.slices import length_name, script_of


def of(truth, predicted, labels=("a", "b"), confidence=0.9):
    truth, predicted = np.array(truth), np.array(predicted)
    rest = (1 - confidence) / (len(labels) - 1)
    probabilities = np.full((len(truth), len(labels)), rest)
    probabilities[np.arange(len(truth)), predicted] = confidence
    return Outcome(labels=labels, truth=truth, predicted=predicted, probabilities=probabilities)


def test_scores_are_those_computed_by_hand():
    found = scores(of([0, 0, 0, 1], [0, 0, 1, 1]))
    assert found["accuracy"] == 0.75
    assert found["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found["log_loss"] == pytest.approx(-(3 * np.log(0.9) + np.log(0.1)) / 4)
    assert found["calibration_error"] == pytest.approx(0.9 - 0.75)
    # Pairs of a true `b` and an `a`: two are ordered right, one is a tie.
    assert found["roc_auc"] == pytest.approx((2 + 0.5) / 3)


def test_confusion_and_labels_are_those_computed_by_hand():
    result = of([0, 0, 0, 1], [0, 0, 1, 1])
    assert confusion(result).tolist() == [[2, 1], [0, 1]]
    assert per_label(result)[0] == {"label": "a", "precision": 1.0, "recall": 2 / 3, "f1": 0.8, "rows": 3}


def test_a_label_without_rows_does_not_count_in_macro_f1():
    assert scores(of([0, 1], [0, 1], labels=("a", "b", "c")))["macro_f1"] == 1.0


def test_auc_is_left_out_when_there_is_one_label_only():
    assert "roc_auc" not in scores(of([0, 0], [0, 1]))


def test_columns_of_the_model_are_put_in_the_order_of_the_labels():
    result = outcome(["a", "b"], ["b", "a"], np.array([[0.9, 0.1], [0.2, 0.8]]), ["b", "a"])
    assert result.right.tolist() == [True, True]


def test_a_label_the_model_lacks_is_never_predicted_and_one_the_data_lack_is_kept():
    result = outcome(["a", "b"], ["b", "a"], np.array([[0.9, 0.1], [0.2, 0.8]]), ["a", "c"])
    assert result.labels == ("a", "b", "c")
    assert [result.labels[index] for index in result.predicted] == ["a", "c"]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_bootstrap_surrounds_the_measured_values(pairs):
    truth, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    result = of(truth, predicted, labels=("a", "b", "c"))
    samples = Bootstrap(truth, [predicted], 200, 1)
    accuracy = samples.samples("accuracy")
    assert accuracy.min() <= scores(result)["accuracy"] + 1e-9
    assert accuracy.max() >= scores(result)["accuracy"] - 1e-9
    assert ((samples.samples("macro_f1") >= 0) & (samples.samples("macro_f1") <= 1)).all()


def test_interval_of_accuracy_agrees_with_the_normal_approximation():
    truth = np.zeros(1000, dtype=np.int64)
    predicted = np.array([0] * 800 + [1] * 200)
    low, high = interval(Bootstrap(truth, [predicted], 20_000, 3).samples("accuracy"), 0.95)
    half = 1.96 * np.sqrt(0.8 * 0.2 / 1000)
    assert low == pytest.approx(0.8 - half, abs=0.002)
    assert high == pytest.approx(0.8 + half, abs=0.002)


def test_macro_f1_of_resamples_lies_around_the_measured_one():
    result = of([0, 0, 1, 1, 1, 0] * 100, [0, 1, 1, 0, 1, 0] * 100)
    samples = Bootstrap(result.truth, [result.predicted], 4000, 5).samples("macro_f1")
    assert samples.mean() == pytest.approx(scores(result)["macro_f1"], abs=0.005)


def test_comparison_counts_the_rows_that_only_one_has_right():
    truth = [0] * 20
    challenger, champion = of(truth, [0] * 15 + [1] * 5), of(truth, [0] * 5 + [1] * 10 + [0] * 5)
    found = compare(challenger, champion, 500, 0.95, 7, "champion")
    assert (found["only_model_right"], found["only_champion_right"]) == (10, 5)
    # Two-sided exact binomial test of 10 in 15.
    assert found["mcnemar_p"] == pytest.approx(0.3018, abs=1e-4)
    difference = found["difference"]["accuracy"]
    assert difference["value"] == pytest.approx(0.25)
    assert difference["low"] < 0.25 < difference["high"]


def test_the_same_predictions_differ_in_nothing():
    result = of([0, 1, 1], [0, 1, 0])
    found = compare(result, result, 100, 0.95, 7, "champion")
    assert found["mcnemar_p"] == 1.0
    assert found["difference"]["macro_f1"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_a_slice_of_one_length_is_named_by_it():
    names = [length_name(length, [3, 4, 9]) for length in (3, 4, 9, 10)]
    assert names == ["1. up to 3 characters", "2. 4 characters", "3. 5 to 9 characters", "4. over 9 characters"]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("A good film, 好!", "Latin"),
        ("这是一部好电影 by me", "Chinese"),
        ("とても good ねこ", "Kana"),
        ("한국 영화", "Hangul"),
        ("хороший фильм", "Cyrillic"),
        ("1999 !?", "none"),
    ],
)
def test_script_of_a_text(text, script):
    assert script_of(text) == script
