"""Which split a row goes to depends on its text and on earlier rows that it is like, not on later ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.shared.records import text_key
from components.split.assignment import CAPPED, TIED, Assignment
from components.split.config import Config
from components.split.draws import SPLITS, TEST, TRAIN, VALIDATION, fractions
from components.split.ties import Ties

ROWS = st.lists(st.lists(st.integers(0, 40), max_size=3), max_size=40)
"""For each row the earlier rows that it is like (those that there are)."""


def config(**options):
    paths = dict.fromkeys(("cleaned", "findings", "splits", "card", "report"), Path())
    return Config(task="classification", **paths, **options)


def assigned(ties, **options):
    keys = np.array([text_key(f"text {number}") for number in range(len(ties))], "V16")
    alike = {number: [other for other in earlier if other < number] for number, earlier in enumerate(ties)}
    tied = Ties({number: earlier for number, earlier in alike.items() if earlier})
    assignment = Assignment(config(**{"test_fraction": 0.4, "validation_fraction": 0.3, **options}), keys, tied)
    assignment.cap_train()
    return assignment


def places(assignment):
    return [None if dropped else assignment.split_of(row) for row, dropped in enumerate(assignment.reasons)]


def rows_of(assignment, split):
    return {row for row, place in enumerate(places(assignment)) if place == split}


def first_of(split, count=1):
    """Numbers of the first untied rows that go to a split."""
    return sorted(rows_of(assigned([[]] * 60), split))[:count]


@given(ROWS, ROWS)
def test_appended_rows_move_no_row_of_the_test_set(rows, more):
    before, after = assigned(rows), assigned([*rows, *more])
    assert {row for row in rows_of(after, TEST) if row < len(rows)} == rows_of(before, TEST)


@given(ROWS, ROWS)
def test_appended_rows_move_no_row_between_splits(rows, more):
    before, after = places(assigned(rows)), places(assigned([*rows, *more]))
    assert all(new in (old, None) for old, new in zip(before, after, strict=False))


@given(ROWS)
def test_rows_that_are_alike_are_never_in_two_splits(rows):
    found = places(assigned(rows))
    for row, earlier in enumerate(rows):
        sides = {found[other] for other in earlier if other < row} | {found[row]}
        assert len(sides - {None}) <= 1


@settings(max_examples=30)
@given(ROWS, ROWS, st.integers(1, 10))
def test_cap_keeps_the_same_rows_unless_new_ones_push_them_out(rows, more, cap):
    before = rows_of(assigned(rows, train_rows=cap), TRAIN)
    after = rows_of(assigned([*rows, *more], train_rows=cap), TRAIN)
    assert len(before) == min(cap, len(rows_of(assigned(rows), TRAIN)))
    assert {row for row in after if row < len(rows)} <= before
    assert rows_of(assigned(rows, train_rows=cap), TEST) == rows_of(assigned(rows), TEST)


@pytest.mark.parametrize(("low", "high"), [(TRAIN, TEST), (TRAIN, VALIDATION), (VALIDATION, TEST)])
def test_a_row_that_ties_two_splits_drops_the_less_protected_side(low, high):
    [loser], [winner] = first_of(low), first_of(high)
    assignment = assigned([*[[]] * 60, [loser, winner]])
    assert assignment.reason_of(loser) == TIED[high]
    assert assignment.split_of(60) == high
    assert not assignment.reasons[60]
    assert not assignment.reasons[winner]


def test_the_whole_cluster_is_dropped_also_later_when_it_is_tied():
    [loser], [winner] = first_of(TRAIN), first_of(TEST)
    assignment = assigned([*[[]] * 60, [loser], [60], [61, winner], [loser]])
    assert [assignment.reason_of(row) for row in (loser, 60, 61)] == [TIED[TEST]] * 3
    assert assignment.split_of(63) == TEST


def test_a_tied_row_follows_the_first_row_of_its_cluster():
    for split in SPLITS:
        assert assigned([*[[]] * 60, first_of(split), [60]]).split_of(61) == split


def test_shares_are_met_about():
    assignment = assigned([[]] * 5000, test_fraction=0.2, validation_fraction=0.1)
    assert len(rows_of(assignment, TEST)) == pytest.approx(1000, abs=100)
    assert len(rows_of(assignment, VALIDATION)) == pytest.approx(500, abs=75)


def test_capped_rows_have_that_reason():
    assignment = assigned([[]] * 60, train_rows=5)
    assert len(rows_of(assignment, TRAIN)) == 5
    assert list(assignment.dropped()) == [CAPPED]


def test_salt_and_purpose_decide():
    draws = {float(fractions([b"key"], 1, salt, purpose)[0]) for salt in "ab" for purpose in ("split", "cap")}
    assert len(draws) == 4
    assert all(0 <= draw < 1 for draw in draws)


def test_hash_is_the_same_everywhere():
    assert fractions([b"key"], 1, "evertune", "split") == pytest.approx([EXPECTED], abs=1e-15)


EXPECTED = 0.8166827591398158
"""A change of this number moves rows of every test set there is."""
