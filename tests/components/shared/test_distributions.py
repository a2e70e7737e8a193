"""Drift statistics agree with SciPy, and tell a shift from chance."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from components.shared.distributions import by_length, by_name, chi_square_tail, kolmogorov_tail, length_bins, psi

COUNTS = st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=2, max_size=12)


@given(COUNTS)
@settings(max_examples=50)
def test_chi_square_is_that_of_scipy(pairs):
    old, new = ({str(name): pair[side] for name, pair in enumerate(pairs)} for side in (0, 1))
    expected = stats.chi2_contingency([list(old.values()), list(new.values())], correction=False)
    found = by_name(old, new)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)


@given(st.floats(0.001, 400), st.integers(1, 200))
def test_tail_of_chi_square(statistic, degrees):
    assert chi_square_tail(statistic, degrees) == pytest.approx(stats.chi2.sf(statistic, degrees), abs=1e-9)


@given(st.floats(0.01, 5))
def test_tail_of_kolmogorov(scaled):
    assert kolmogorov_tail(scaled) == pytest.approx(stats.kstwobign.sf(scaled), abs=1e-7)


def test_lengths_are_binned_in_order():
    bins = length_bins([0, 1, 1, 6, 7, 100, 5000])
    assert list(bins) == sorted(bins, key=int)
    assert sum(bins.values()) == 7
    assert (bins["0"], bins["1"]) == (1, 2)
    assert all(int(start) <= 5000 for start in bins)


def test_longer_texts_are_drift_and_the_same_ones_are_not():
    old, new = length_bins(range(100, 400)), length_bins(range(200, 800, 2))
    assert by_length(old, new).verdict == "drift"
    assert by_length(old, old).verdict == "stable"
    assert by_length(old, old).p_value == 1


def test_labels_that_appear_or_vanish_are_drift_unless_they_are_few_rows():
    assert by_name({"a": 500, "b": 500}, {"a": 500, "c": 500}).verdict == "drift"
    assert by_name({"a": 500, "b": 500}, {"a": 460, "b": 540}).verdict == "stable"
    assert by_name({"a": 2, "b": 1}, {"a": 1, "b": 2}).verdict == "stable"
    assert by_name({"a": 700, "b": 300}, {"a": 500, "b": 500}).verdict == "some drift"
    assert by_name({"a": 5}, {"a": 7}).p_value == by_name({}, {"a": 7}).p_value == by_length({}, {"1": 3}).p_value == 1


def test_psi_is_symmetric_and_zero_for_like_shares():
    assert psi({"a": 1, "b": 3}, {"a": 10, "b": 30}) == 0
    assert psi({"a": 1, "b": 3}, {"a": 3, "b": 1}) == pytest.approx(psi({"a": 3, "b": 1}, {"a": 1, "b": 3}))
