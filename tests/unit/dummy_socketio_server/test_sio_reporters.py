"""Which node may report on a run: the node with the run, and no other node beside it."""

import pytest
from dispatch import Dispatch
from ledger import Holder, Ledger
from reporters import ANOTHERS, NO_NODE, NOT_ACTIVE, problem_with_reporter


def scene(*nodes, holder=None):
    dispatch, ledger = Dispatch(), Ledger()
    for sid, name in nodes:
        dispatch.add_node(sid, name)
    ledger.post("poster", 7)
    if holder is not None:
        ledger.note_at_node(7, Holder(*holder))
    return dispatch, ledger


@pytest.mark.parametrize("holder", [None, ("a1", "a"), ("gone", "a")])
def test_who_is_no_node_may_not(holder):
    assert problem_with_reporter("poster", 7, *scene(("a1", "a"), holder=holder)) == NO_NODE
    assert problem_with_reporter("poster", 99, *scene(("a1", "a"), holder=holder)) == NO_NODE


@pytest.mark.parametrize(("sid", "problem"), [("a1", None), ("b1", ANOTHERS), ("a2", ANOTHERS)])
@pytest.mark.parametrize("first", [True, False])
def test_while_the_node_of_a_run_is_connected_nobody_else_may(sid, problem, first):
    nodes = [("a1", "a"), ("b1", "b"), ("a2", "a")]
    nodes = nodes if first else nodes[::-1]
    assert problem_with_reporter(sid, 7, *scene(*nodes, holder=("a1", "a"))) == problem


@pytest.mark.parametrize(
    ("sid", "problem"), [("active", None), ("back", None), ("other", NOT_ACTIVE)]
)
def test_when_it_is_gone_the_active_node_may_and_the_node_that_comes_back(sid, problem):
    nodes = [("active", "b"), ("back", "a"), ("other", "c")]
    assert problem_with_reporter(sid, 7, *scene(*nodes, holder=("gone", "a"))) == problem


@pytest.mark.parametrize(("sid", "problem"), [("active", None), ("other", NOT_ACTIVE)])
@pytest.mark.parametrize("run_id", [7, 99])
def test_of_a_run_that_no_node_is_known_to_have_the_active_node_tells(sid, problem, run_id):
    nodes = [("active", "a"), ("other", "a")]
    assert problem_with_reporter(sid, run_id, *scene(*nodes)) == problem


def test_a_second_registration_does_not_change_the_name():
    dispatch, ledger = scene(("a1", "a"), ("b1", "b"), holder=("gone", "c"))
    dispatch.add_node("b1", "c")
    assert problem_with_reporter("b1", 7, dispatch, ledger) == NOT_ACTIVE
