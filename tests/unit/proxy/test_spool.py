"""Bodies that wait in memory or on disk, within a budget that all share."""

import mmap
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.proxy.refusals import RefusedError
from node_poc.proxy.spool import Spool, SpoolBudget

TOO_BIG = RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too big")
MEGABYTE = 1 << 20


def budget_of(size):
    """One that a single caller may use up."""
    return SpoolBudget(size, bytes_of_one=size)


@given(st.lists(st.binary(max_size=5000), max_size=5), st.sampled_from([0, 2 * MEGABYTE]))
def test_what_goes_in_comes_out(pieces, padding):
    whole = b"".join(pieces) + b"p" * padding
    with Spool(budget_of(10 * MEGABYTE), "a", 10 * MEGABYTE, TOO_BIG) as spool:
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
        with pytest.raises(RefusedError, match="too big"):
            spool.write(b"x")


def test_all_share_one_budget_and_give_it_back():
    budget = budget_of(100)
    with Spool(budget, "a", 100, TOO_BIG) as first, Spool(budget, "b", 100, TOO_BIG) as second:
        first.write(b"x" * 60)
        with pytest.raises(RefusedError, match="ask again later") as refused:
            second.write(b"x" * 60)
        assert refused.value.status == HTTPStatus.SERVICE_UNAVAILABLE
        second.write(b"x" * 40)
    with Spool(budget, "c", 100, TOO_BIG) as third:
        third.write(b"x" * 100)


def test_one_caller_gets_its_share_and_leaves_the_others_theirs():
    budget = SpoolBudget(100, bytes_of_one=40)
    with Spool(budget, "a", 100, TOO_BIG) as first, Spool(budget, "a", 100, TOO_BIG) as second:
        first.write(b"x" * 30)
        with pytest.raises(RefusedError, match="more than 40 bytes") as refused:
            second.write(b"x" * 11)
        assert refused.value.status == HTTPStatus.TOO_MANY_REQUESTS
        second.write(b"x" * 10)
        with Spool(budget, "b", 100, TOO_BIG) as other:
            other.write(b"x" * 40)
    with Spool(budget, "a", 100, TOO_BIG) as third:
        third.write(b"x" * 40)
    assert not budget._taken


def test_a_map_that_somebody_still_looks_at_ends_with_them():
    with Spool(budget_of(4 * MEGABYTE), "a", 4 * MEGABYTE, TOO_BIG) as spool:
        spool.write(b"x" * 2 * MEGABYTE)
        view = memoryview(spool.buffer())
    assert view[-1] == ord("x")
    view.release()
