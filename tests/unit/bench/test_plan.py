"""The node and the raw client take turns in a random but repeatable order."""

import pytest

from bench.plan import GAP_SECONDS, Who, interleaved


@pytest.mark.parametrize("seed", range(5))
def test_each_pair_has_one_of_each(seed):
    steps = interleaved(40, seed)
    pairs = [{steps[n].who, steps[n + 1].who} for n in range(0, 80, 2)]
    assert pairs == [set(Who)] * 40


def test_neither_is_always_the_first():
    firsts = [step.who for step in interleaved(40, 1)[::2]]
    assert 8 < firsts.count(Who.NODE) < 32


def test_the_gaps_spread_over_more_than_most_of_a_second():
    gaps = [step.gap_seconds for step in interleaved(40, 1)]
    assert min(gaps) >= GAP_SECONDS[0]
    assert max(gaps) <= GAP_SECONDS[1]
    assert max(gaps) - min(gaps) > 0.9


def test_the_same_seed_gives_the_same_plan():
    assert interleaved(5, 7) == interleaved(5, 7)
    assert interleaved(5, 7) != interleaved(5, 8)
