"""Bodies that wait in memory or on disk, within a budget that all callers share."""

import mmap
from contextlib import suppress
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.spool import Spool, SpoolBudget

TOO_BIG = RequestRefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too big")
MEGABYTE = 1 << 20


def budget_of(size):
    """Return a budget from which a single caller may take half."""
    return SpoolBudget(size, bytes_of_one=size)


@given(st.lists(st.binary(max_size=5000), max_size=5), st.sampled_from([0, 2 * MEGABYTE]))
def test_what_goes_in_comes_out(pieces, padding):
    whole = b"".join(pieces) + b"p" * padding
    with Spool(budget_of(20 * MEGABYTE), "a", 10 * MEGABYTE, TOO_BIG) as spool:
        for piece in [*pieces, b"p" * padding]:
            spool.write(piece)
        assert bytes(spool.buffer()[:]) == whole
        assert isinstance(spool.buffer(), mmap.mmap) is bool(padding)
        assert spool.size == len(whole)
        parts = [spool.read(start, 700_000) for start in range(0, spool.size, 700_000)]
        assert b"".join(parts) == whole


def test_a_body_that_is_too_big_is_refused():
    with Spool(budget_of(1000), "a", 10, TOO_BIG) as spool:
        spool.write(b"0123456789")
        with pytest.raises(RequestRefusedError, match="too big"):
            spool.write(b"x")


def test_all_share_one_budget_and_give_it_back():
    budget = SpoolBudget(100, bytes_of_one=100)
    budget.take("a", 50)
    with pytest.raises(RequestRefusedError, match="ask again later") as refused:
        budget.take("b", 26)
    assert refused.value.status == HTTPStatus.SERVICE_UNAVAILABLE
    budget.take("b", 25)
    budget.give_back("a", 50)
    budget.take("c", 37)


def test_one_caller_gets_its_share():
    budget = SpoolBudget(100, bytes_of_one=40)
    budget.take("a", 40)
    with pytest.raises(RequestRefusedError, match="more than 40 bytes") as refused:
        budget.take("a", 1)
    assert refused.value.status == HTTPStatus.TOO_MANY_REQUESTS


steps = st.lists(st.tuples(st.sampled_from("abcdefghij"), st.integers(1, 2000)), max_size=60)


@given(steps)
def test_whoever_comes_later_finds_room(asked):
    """However greedy ten callers are, in any order, an eleventh caller gets a part of the disk."""
    total, taken = 1 << 20, {}
    budget = SpoolBudget(total, bytes_of_one=total)
    for caller, kilobytes in asked:
        with suppress(RequestRefusedError):
            budget.take(caller, kilobytes << 10)
            taken[caller] = taken.get(caller, 0) + (kilobytes << 10)
    assert sum(taken.values()) <= total
    budget.take("newcomer", total >> 11)
    for caller, size in taken.items():
        budget.give_back(caller, size)
    budget.give_back("newcomer", total >> 11)
    budget.take("a", total >> 1)
    budget.give_back("a", total >> 1)
    assert not budget._taken


def test_what_lies_in_memory_needs_no_disk():
    """Requests of usual size therefore continue while other callers hold the entire budget."""
    budget = SpoolBudget(0, bytes_of_one=0)
    with Spool(budget, "a", 10 * MEGABYTE, TOO_BIG) as spool:
        spool.write(b"x" * (MEGABYTE >> 2))
        with pytest.raises(RequestRefusedError):
            spool.write(b"x")


def test_on_disk_a_body_is_counted_whole_and_given_back():
    budget = budget_of(2 * MEGABYTE)
    with Spool(budget, "a", 10 * MEGABYTE, TOO_BIG) as spool:
        for _ in range(4):
            spool.write(b"x" * (MEGABYTE >> 2))
        with pytest.raises(RequestRefusedError, match="ask again later"):
            spool.write(b"x")
    assert not budget._taken
    assert budget._free_bytes == 2 * MEGABYTE


def test_a_map_that_somebody_still_looks_at_ends_with_them():
    with Spool(budget_of(8 * MEGABYTE), "a", 4 * MEGABYTE, TOO_BIG) as spool:
        spool.write(b"x" * 2 * MEGABYTE)
        view = memoryview(spool.buffer())
    assert view[-1] == ord("x")
    view.release()
