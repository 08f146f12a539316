"""How slowly an algorithm may send a request or read a response."""

import pytest

from node_poc.proxy.bodies import Pace
from node_poc.proxy.settings import Limits

LIMITS = Limits(client_seconds=60, client_bytes_per_second=100)


def count_a_minute(pace, bytes_each_second):
    for _ in range(60):
        pace.count(1, bytes_each_second)


def test_a_short_body_may_come_as_it_likes():
    pace = Pace(LIMITS)
    for _ in range(59):
        pace.count(1, 1)


def test_a_long_one_has_to_keep_its_pace_to_the_end():
    pace = Pace(LIMITS)
    for _ in range(5):
        count_a_minute(pace, 100)
    with pytest.raises(TimeoutError):
        count_a_minute(pace, 99)


def test_who_was_quick_for_a_gigabyte_may_not_trickle_now():
    pace = Pace(LIMITS)
    pace.count(59, 1 << 30)
    pace.count(1, 0)
    with pytest.raises(TimeoutError):
        count_a_minute(pace, 1)


def test_only_waiting_counts():
    """A caller that sends each piece at once is fast, however rarely the proxy asks for a piece."""
    pace = Pace(LIMITS)
    for _ in range(100_000):
        pace.count(0, 1)
