"""Balancing and augmentation: for train only, with origins, the same bytes for the same seed."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from components.shared.errors import UserError
from components.split.balance import UNDERSAMPLED, class_weights, single_labels
from components.train.tasks.class_weights import class_weights as weights_of_train

ROWS = [(f"a good movie number {n} with a funny story", "pos" if n % 5 else "neg") for n in range(150)]


def labels(rows):
    return Counter(row["label"] for row in rows)


def without_origin(rows):
    return [(row["text"], row["label"]) for row in rows]


@pytest.fixture
def plain(divided):
    return {name: without_origin(rows) for name, rows in divided(ROWS).rows.items()}


def test_oversampling_repeats_rare_rows_of_train_alone(divided, plain):
    found = divided(ROWS, balance="oversample")
    counts = labels(found.rows["train"])
    assert counts["neg"] == counts["pos"] == Counter(label for _, label in plain["train"])["pos"]
    made = [row for row in found.rows["train"] if row["meta"]["augmentation"]]
    by_id = {row["id"]: row for row in found.rows["train"]}
    assert {row["label"] for row in made} == {"neg"}
    assert all(by_id[row["meta"]["origin"]]["text"] == row["text"] for row in made)
    times = Counter(row["text"] for row in found.rows["train"] if row["label"] == "neg").values()
    assert max(times) - min(times) <= 1
    for name in ("validation", "test"):
        assert without_origin(found.rows[name]) == plain[name]
        assert all(row["meta"] == {"augmentation": "", "origin": ""} for row in found.rows[name])
    assert found.statistics["splits"]["train"]["made"] == {"copy": len(made)}


def test_undersampling_leaves_frequent_rows_of_train_out_with_a_reason(divided, plain):
    assert "Share of each label: the sets should look alike." in divided(ROWS).report
    found = divided(ROWS, balance="undersample")
    assert "validation and test should look alike; train is balanced (undersample)" in found.report
    counts = labels(found.rows["train"])
    assert counts["neg"] == counts["pos"] == Counter(label for _, label in plain["train"])["neg"]
    assert found.statistics["dropped"] == {UNDERSAMPLED: len(plain["train"]) - counts.total()}
    for name in ("validation", "test"):
        assert without_origin(found.rows[name]) == plain[name]
    assert "meta" not in found.dataset.columns


def test_variants_follow_their_row_and_say_how_they_were_made(divided, plain):
    found = divided(ROWS, augment="deletion,noise", augment_copies=2)
    rows, origin = found.rows["train"], ""
    for row in rows:
        if row["meta"]["augmentation"]:
            assert row["meta"]["origin"] == origin["id"]
            assert row["text"] != origin["text"]
            assert row["label"] == origin["label"]
        else:
            origin = row
    first = next(row for row in rows if row["meta"]["augmentation"] == "deletion")
    [source] = [row for row in rows if row["id"] == first["meta"]["origin"]]
    assert re.search(f"<td>deletion</td><td[^>]*>{source['text']}</td><td[^>]*>{first['text']}</td>", found.report)
    assert plain["train"] == without_origin([row for row in rows if not row["meta"]["augmentation"]])
    made = found.statistics["splits"]["train"]["made"]
    assert made.keys() == {"deletion", "noise"}
    assert sum(made.values()) > 1.8 * len(plain["train"])
    for name in ("validation", "test"):
        assert without_origin(found.rows[name]) == plain[name]


def test_what_balance_repeats_can_be_variants(divided):
    found = divided(ROWS, augment="swap,deletion,noise", augment_copies=0, balance="oversample")
    made = [row for row in found.rows["train"] if row["meta"]["augmentation"]]
    assert {row["label"] for row in made} == {"neg"}
    assert len({(row["meta"]["origin"], row["text"]) for row in made}) == len(made)


@pytest.mark.parametrize(("augment", "copies"), [("synonym", 0), ("swap", 2)])
def test_labels_are_balanced_also_where_texts_have_too_few_variants(divided, augment, copies):
    rows = [(f"item {n}", "pos" if n % 5 else "neg") for n in range(150)]
    train = divided(rows, augment=augment, augment_copies=copies, balance="oversample").rows["train"]
    made = Counter(row["meta"]["augmentation"] for row in train if row["label"] == "neg")
    pos = sum(not row["meta"]["augmentation"] for row in train if row["label"] == "pos")
    assert made.total() == pos * (1 + copies)
    assert made["copy"]


@pytest.mark.parametrize("options", [{"augment": "synonym,swap,noise"}, {"balance": "oversample"}])
def test_same_seed_same_bytes(divided, options):
    first = divided(ROWS, **options)
    files = {path.name: path.read_bytes() for path in first.dataset.directory.iterdir()}
    again = divided(ROWS, **options)
    assert files == {path.name: path.read_bytes() for path in again.dataset.directory.iterdir()}
    other = divided(ROWS, **options, augment_seed=3)
    assert (other.dataset.manifest.digest != again.dataset.manifest.digest) == ("augment" in options)


def test_a_variant_that_is_a_text_of_another_split_is_thrown_away(divided):
    """Of two words deletion leaves one of them, and each is a row of its own, but for a full stop."""
    words = [f"word{n}" for n in range(60)]
    rows = [(f"{word}.", "pn"[n % 2]) for n, word in enumerate(words)]
    rows += [(f"{one} {other}", "pn"[n % 2]) for n, (one, other) in enumerate(pairwise(words))]
    found = divided(rows, augment="deletion", augment_copies=5)
    others = {row["text"].strip(".") for name in ("validation", "test") for row in found.rows[name]}
    made = [row for row in found.rows["train"] if row["meta"]["augmentation"]]
    assert made
    assert not others & {row["text"].strip(".") for row in made}


def test_the_weights_in_the_report_are_those_of_training(divided):
    found = divided(ROWS)
    counts = found.statistics["splits"]["train"]["labels"]
    expected = weights_of_train("balanced", list(counts), np.array(list(counts.values())))
    assert class_weights(counts) == pytest.approx(dict(zip(counts, map(float, expected), strict=True)), abs=1e-4)
    assert re.search(rf'<td>neg</td><td class="number">{class_weights(counts)["neg"]:.3f}</td>', found.report)


def test_rows_with_several_labels_count_for_each_of_them():
    assert single_labels({"en": 3, "en,short": 2, "zh": 4, "": 9}) == {"en": 5, "short": 2, "zh": 4}


def test_bad_options_are_refused(divided):
    for options, told in (
        ({"augment": "deletion,translate"}, "'translate' is not known"),
        ({"augment_rate": 1.5}, "1.5 is out of range"),
        ({"synonyms": "alone,a|b"}, "'alone' is not a group"),
        ({"balance": "oversample", "meta": ("origin",)}, "have a meta column 'origin'"),
        ({"stratify": "label,author"}, "the rows have no column 'author'. Use label"),
        ({"group_column": "author"}, "the rows have no column 'author'"),
        ({"frozen_test": "source"}, "'source' is not a column=pattern pair"),
        ({"frozen_test": "source=x"}, "the rows have no column 'source'"),
        ({"folds": 1}, "there is no fold 0 of 1"),
        ({"folds": 4, "fold": 4}, "there is no fold 4 of 4"),
        ({"fold": 1}, "there is no fold 1 of 0"),
        ({"folds": 2, "validation_fraction": 0.45}, "leave too little to train on"),
        ({"folds": 2, "frozen_test": "a=b"}, "a frozen test set has no folds"),
    ):
        meta = options.get("meta", ())
        rows = [(*row, *["x" for _ in meta]) for row in ROWS]
        with pytest.raises(UserError) as caught:
            divided(rows, **options)
        assert told in caught.value.line
