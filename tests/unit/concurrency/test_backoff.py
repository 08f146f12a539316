"""Pauses between attempts, and the choice of failures to report."""

from node_poc.concurrency.backoff import Backoff, is_worth_a_warning


def test_pauses_double_up_to_the_most_and_are_cut_by_half_at_most():
    backoff = Backoff(0.5, 10.0)
    for failures, ceiling in ((0, 0.5), (1, 1.0), (3, 4.0), (5, 10.0), (10_000, 10.0)):
        pauses = {backoff.pause(failures) for _ in range(100)}
        assert ceiling / 2 <= min(pauses) < max(pauses) <= ceiling


def test_the_first_the_tenth_and_each_hundredth_failure_are_told():
    told = [failures for failures in range(1, 301) if is_worth_a_warning(failures)]
    assert told == [1, 10, 100, 200, 300]
