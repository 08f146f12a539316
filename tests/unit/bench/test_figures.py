"""The statistics of the bench, compared with figures calculated by hand."""

import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.figures import median, quantile, ratio_interval, ratio_of_medians

VALUES = st.lists(st.floats(0.001, 1000), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.01, 1), (0.5, 50), (0.501, 51), (0.99, 99), (0.991, 100), (1, 100)]
)
def test_a_quantile_is_the_value_of_that_rank(share, expected):
    assert quantile(list(range(100, 0, -1)), share) == expected


def test_of_few_values_the_99th_percentile_is_the_largest():
    assert quantile([3, 1, 2], 0.99) == 3


@given(VALUES, st.floats(0.01, 1))
def test_a_quantile_is_a_value_that_so_many_do_not_exceed(values, share):
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) < share * len(values)


@pytest.mark.parametrize("share", [0, -0.1, 1.1])
def test_no_quantile_outside_of_its_range(share):
    with pytest.raises(ValueError, match="share"):
        quantile([1.0], share)


def test_nothing_has_no_quantile_and_no_median():
    for call in (lambda: quantile([], 0.5), lambda: median([])):
        with pytest.raises(ValueError, match="no values"):
            call()


@given(VALUES)
def test_the_median_is_everybodys(values):
    assert median(values) == pytest.approx(statistics.median(values))


def test_the_ratio_is_of_the_medians_and_not_of_the_means():
    assert ratio_of_medians([1, 3, 100], [2, 2, 2]) == 1.5


@settings(deadline=None, max_examples=20)
@given(VALUES, VALUES)
def test_the_interval_is_the_same_for_the_same_seed_and_in_order(ours, theirs):
    low, high = ratio_interval(ours[:8], theirs[:8], seed=3)
    assert low <= high
    assert (low, high) == ratio_interval(ours[:8], theirs[:8], seed=3)


def test_equal_series_have_one_in_their_interval_and_twice_as_slow_ones_have_not():
    values = [1 + number / 100 for number in range(50)]
    low, high = ratio_interval(values, values)
    assert low < 1 < high
    low, high = ratio_interval([2 * value for value in values], values)
    assert 1.5 < low < 2 < high < 2.5
