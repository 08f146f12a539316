import pytest
from wire import (
    CommandState,
    Outcome,
    command_ack,
    given_run_id,
    no_answer,
    node_answer,
    problem_with_report,
    run_id_of,
    single_argument,
    size_in_bytes,
)


@pytest.mark.parametrize(
    ("payload", "usable"),
    [
        ({"run_id": 5}, 5),
        ({"run_id": -1}, -1),
        ({"run_id": 10**30}, 10**30),
        ({"run_id": True}, None),
        ({"run_id": "5"}, None),
        ({"run_id": 5.0}, None),
        ({}, None),
        ([5], None),
        (None, None),
        (b"x", None),
    ],
)
def test_only_a_whole_number_names_a_run(payload, usable):
    assert run_id_of(payload) == usable


def test_the_run_id_is_echoed_as_given_unless_binary():
    assert given_run_id({"run_id": "x"}) == "x"
    assert given_run_id({"run_id": b"x"}) is None
    assert given_run_id("x") is None


def test_single_argument():
    assert single_argument(()) is None
    assert single_argument(({"a": 1},)) == {"a": 1}
    assert single_argument((1, 2)) == [1, 2]


@pytest.mark.parametrize("state", list(CommandState))
def test_the_ack_says_accepted_only_when_it_is(state):
    ack = command_ack({"run_id": 5}, Outcome(state, "why", "pending"))
    assert ack == {
        "accepted": state in ("forwarded", "kept"),
        "state": state.value,
        "run_id": 5,
        "reason": "why",
        "status": "pending",
    }


@pytest.mark.parametrize(
    ("args", "state"),
    [
        (({"accepted": True, "status": "pending"},), CommandState.FORWARDED),
        (({"accepted": True},), CommandState.FORWARDED),
        (({"accepted": True, "status": 5},), CommandState.FORWARDED),
        (({"accepted": False, "reason": "no"},), CommandState.REFUSED),
        (({"accepted": False},), CommandState.REFUSED),
        (({"accepted": "yes"},), CommandState.UNKNOWN),
        (({"accepted": None, "reason": "busy"},), CommandState.UNKNOWN),
        ((), CommandState.UNKNOWN),
        (("ok",), CommandState.UNKNOWN),
        ((1, 2), CommandState.UNKNOWN),
    ],
)
def test_the_node_answer(args, state):
    outcome = node_answer(args)
    assert outcome.state is state
    assert (outcome.reason is None) == (state is CommandState.FORWARDED)


def test_a_node_that_has_not_decided_says_so_itself():
    assert node_answer(({"accepted": None, "reason": "busy"},)).reason == "busy"


def test_silence_says_that_the_run_may_start_and_how_to_ask():
    reason = no_answer(30).reason
    assert "30 s" in reason
    assert "may still start" in reason
    assert "watch_request" in reason


def test_reports_need_a_run_id_only():
    assert problem_with_report({"run_id": 5, "extra": 1}) is None
    assert "not an object" in problem_with_report([1])
    assert "run_id" in problem_with_report({"run_id": "5"})


def test_size_counts_text_and_binary():
    assert size_in_bytes({"a": "x" * 1000}) >= 1000
    assert size_in_bytes({"a": b"x" * 1000}) >= 1000
