"""Strata, groups, frozen test sets and folds, on whole runs."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from components.shared.errors import UserError
from components.split.assignment import TIED
from components.split.draws import SPLITS, TEST, VALIDATION
from components.split.report import _need_room

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
ROWS = [(f"text {n}", "rare" if n % 15 == 0 else "often", "web" if n % 3 else "mail") for n in range(600)]


def strata(rows):
    return Counter((row["label"], row["meta"]["source"]) for row in rows)


def test_each_stratum_has_its_shares(divided):
    found = divided(ROWS, meta=("source",), stratify="label,source").rows
    whole = strata([row for rows in found.values() for row in rows])
    for name in SPLITS:
        for stratum, rows in strata(found[name]).items():
            assert rows == pytest.approx(SHARES[name] * whole[stratum], abs=4)
    plain = divided(ROWS, meta=("source",)).rows
    assert {row["text"] for row in plain[TEST]} != {row["text"] for row in found[TEST]}


def test_strata_are_met_better_than_by_chance(divided):
    def strays(options):
        found = divided(ROWS, meta=("source",), **options).rows
        return sum(
            abs(strata(found[TEST])[one] - 0.2 * rows) for one, rows in strata(itertools.chain(*found.values())).items()
        )

    assert strays({"stratify": "label,source"}) < min(10, strays({}))


def test_groups_are_not_parted_and_may_be_missing(divided):
    rows = [(f"text {n}", "pn"[n % 2], f"author {n % 40}" if n % 3 else "") for n in range(400)]
    found = divided(rows, meta=("author",), group_column="author").rows
    sides: dict[str, set[str]] = {}
    for name, kept in found.items():
        for row in kept:
            sides.setdefault(row["meta"]["author"], set()).add(name)
    assert sides.pop("") == set(SPLITS)
    assert len(sides) == 40
    assert all(len(names) == 1 for names in sides.values())


def test_a_group_does_not_move_with_its_first_row(divided):
    rows = [(f"text {n}", "pn"[n % 2], f"author {n % 40}") for n in range(400)]

    def side(found):
        return {row["meta"]["author"]: name for name, kept in found.items() for row in kept}

    before = side(divided(rows, meta=("author",), group_column="author").rows)
    after = side(divided(rows[40:], meta=("author",), group_column="author").rows)
    assert before == after


def test_a_frozen_test_set_is_all_of_the_test_set(divided):
    rows = [(f"text {n}", "pn"[n % 2], "gold-1" if n % 7 == 0 else "other") for n in range(300)]
    clusters = [["text 1", "text 7"], ["text 7", "text 9"], ["text 2", "text 3"]]
    found = divided(rows, clusters, meta=("source",), frozen_test="source=gold*")
    assert {row["text"] for row in found.rows[TEST]} == {f"text {n}" for n in range(0, 300, 7)}
    assert found.statistics["dropped"] == {TIED[TEST]: 2}
    assert len(found.rows[VALIDATION]) == pytest.approx(0.1 * 257, abs=12)
    assert "The test set is frozen: source=gold*." in found.report


def test_a_frozen_test_set_without_a_row_is_refused(divided):
    rows = [(f"text {n}", "pn"[n % 2], "other") for n in range(50)]
    with pytest.raises(UserError, match=r"split\.frozen_test: no row has source=gold\*"):
        divided(rows, meta=("source",), frozen_test="source=gold*")


@pytest.mark.parametrize("task", ["classification", "causal_lm"])
def test_a_split_without_a_row_is_refused(divided, task):
    with pytest.raises(UserError, match=r"split\.\w+_fraction: the \w+ set has no row"):
        divided([("one", "p"), ("two", "n")], task=task)


def test_the_report_tells_of_clusters_and_how_alike_the_sets_are(divided):
    clusters = [["text 1", "text 2"], ["text 1", "text 4"], ["text 8", "text 9"]]
    found = divided(ROWS, clusters, meta=("source",), stratify="label", folds=5, fold=2)
    assert found.statistics["clusters"]["2"]["clusters"] == found.statistics["clusters"]["3"]["clusters"] == 1
    assert sum(found.statistics["clusters"]["3"].values()) == 4
    for told in ("Fold 2 of 5.", "Stratified by label.", "Kolmogorov-Smirnov", "Column source", "text 4"):
        assert told in found.report


def test_long_names_of_labels_stand_below_each_other_in_the_chart():
    assert not _need_room(["negative", "neutral", "positive"])
    assert _need_room(["negative", "a label that nobody could read"])
    assert _need_room(list("abcde"))
