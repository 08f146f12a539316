"""Whether two tasks are the same, and which task is newer, for any server's format of times."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from node_poc.protocol.vantage6.origin import RunOrigin

FACTS = RunOrigin(9, None, 3, "http://server", "2026-01-01T00:00:00.123456")
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1))  # noqa: DTZ001  like a server's
APART = st.integers(1, 10**12).map(lambda micros: timedelta(microseconds=micros))


def made(moment, digits=6):
    text = moment.isoformat(timespec="microseconds")
    return replace(FACTS, created_at=text[: 20 + digits] if digits else text[:19])


@given(MOMENTS, st.sampled_from([0, 3, 6]), st.booleans())
def test_a_time_with_less_of_its_fraction_or_with_a_zone_is_the_same(moment, digits, zone):
    cut = made(moment, digits)
    if zone:
        cut = replace(cut, created_at=cut.created_at + "+00:00")
    assert made(moment).is_same(cut)
    assert cut.is_same(made(moment))
    assert not made(moment).is_before(cut)
    assert not cut.is_before(made(moment))


@given(MOMENTS, APART)
def test_of_two_whole_times_one_is_before_the_other(moment, apart):
    first, second = made(moment), made(moment + apart)
    assert not first.is_same(second)
    assert first.is_before(second)
    assert not second.is_before(first)


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_a_server_tells_no_two_tasks_are_before_each_other(one, other):
    first, second = replace(FACTS, created_at=one), replace(FACTS, created_at=other)
    assert not (first.is_before(second) and second.is_before(first))
    assert not (first.is_before(second) and first.is_same(second))
    assert first.is_same(first)


@given(MOMENTS, st.floats(0, 2e9))
def test_a_time_of_a_run_is_not_before_the_server_made_it(moment, seconds):
    facts = replace(FACTS, assigned_at=moment.isoformat())
    assert facts.not_before_assigned(seconds) == max(
        seconds, moment.replace(tzinfo=UTC).timestamp()
    )
    assert FACTS.not_before_assigned(seconds) == seconds
