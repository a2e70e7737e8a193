"""The order of the rows and the steps at which something happens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.train.order import Plan, epoch_batches, parts

LENGTHS = st.lists(st.integers(2, 64), min_size=1, max_size=300).map(np.array)


def padding(batches, lengths):
    """Share of the computed tokens that is padding."""
    computed = sum(len(rows) * lengths[rows].max() for rows in batches)
    return 1 - lengths.sum() / computed


@settings(max_examples=100, deadline=None)
@given(LENGTHS, st.integers(1, 40), st.integers(0, 3), st.integers(0, 3))
def test_every_row_once_and_always_the_same(lengths, batch_size, seed, epoch):
    batches = epoch_batches(lengths, batch_size, seed, epoch)
    again = epoch_batches(lengths, batch_size, seed, epoch)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert [list(rows) for rows in batches] == [list(rows) for rows in again]
    assert sorted(len(rows) for rows in batches)[1:] == [batch_size] * (len(batches) - 1)


def test_epochs_and_seeds_differ():
    lengths = np.random.default_rng(0).integers(5, 60, 4000)
    orders = [np.concatenate(epoch_batches(lengths, 32, *at)).tolist() for at in ((1, 0), (1, 1), (2, 0))]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]


@pytest.mark.parametrize("batches", [3, 7, 125, 1000])
def test_rows_of_like_length_stand_together_also_in_few_batches(batches):
    lengths = np.random.default_rng(0).integers(5, 60, 32 * batches)
    drawn = np.random.default_rng(1).permutation(len(lengths)).reshape(batches, 32)
    assert padding(epoch_batches(lengths, 32, 0, 0), lengths) < 0.6 * padding(drawn, lengths)


def test_parts_of_a_batch_hold_each_row_once():
    rows = np.arange(7)
    shares = [parts(rows, 4, index).tolist() for index in range(4)]
    assert sorted(row for share in shares for row in share) == list(range(7))
    assert parts(rows[:2], 4, 3).size == 0


def test_validations_end_each_epoch():
    plan = Plan(np.full(58, 5), batch_size=8, epochs=2, evaluations_per_epoch=3, seed=0)
    assert plan.total_steps == 16
    assert [step for step in range(17) if plan.validates(step)] == [3, 6, 8, 11, 14, 16]


def test_more_validations_than_steps_validates_each_step():
    plan = Plan(np.full(16, 5), batch_size=8, epochs=1, evaluations_per_epoch=50, seed=0)
    assert [plan.validates(step) for step in range(3)] == [False, True, True]


def test_long_trainings_log_about_a_thousand_points_and_the_last():
    plan = Plan(np.full(5001, 5), batch_size=1, epochs=1, evaluations_per_epoch=1, seed=0)
    logged = [step for step in range(1, 5002) if plan.logs(step)]
    assert len(logged) == 1001
    assert logged[-1] == 5001
