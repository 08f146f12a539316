"""Calls that must succeed eventually: how they are repeated, and how often failures are logged."""

import json

import pytest
import structlog
from structlog.testing import capture_logs

from node_poc.cluster.errors import ClusterError, error_of
from node_poc.engine.retries import Retries
from node_poc.storage.records import StorageError
from tests.unit.engine.failing_calls import Failing, InstantPool

AWAY = ClusterError("DELETE /x", 0, "Timeout", "no answer")
REFUSED = error_of("DELETE /x", 403, "{}")
CONFLICT = error_of("PATCH /x", 409, json.dumps({"reason": "Conflict"}))
FULL = StorageError("no space")


@pytest.fixture
def waiting():
    return []


@pytest.fixture
def retries(waiting):
    structlog.reset_defaults()
    return Retries(waiting.append)


def go_on(waiting):
    """Perform all waiting actions; return the pauses before the actions."""
    pauses = []
    while waiting:
        again = waiting.pop(0)
        pauses.append(again.seconds)
        again.action()
    return pauses


def test_what_works_is_done_once(retries, waiting):
    call = Failing()
    retries.submit(InstantPool(), "x", 7, call)
    assert (call.calls, waiting) == (1, [])
    assert retries._wanted == {}


@pytest.mark.parametrize("error", [AWAY, CONFLICT, FULL])
def test_what_may_pass_is_tried_again_after_growing_pauses(retries, waiting, error):
    call = Failing(*[error] * 10)
    retries.submit(InstantPool(), "x", 7, call)
    pauses = go_on(waiting)
    assert call.calls == 11
    first = 2.5 if error is FULL else 0.1
    assert first <= pauses[0] <= 2 * first
    assert 15 <= pauses[-1] <= 30
    assert len(set(pauses)) > 4  # random pauses keep the calls from repeating all at once
    assert retries._wanted == {}


@pytest.mark.parametrize(("status", "told", "pause"), [(429, "3", 3.0), (503, "600", 30.0)])
def test_an_api_server_that_says_when_is_asked_then(retries, waiting, status, told, pause):
    """For more than half a minute, nobody waits: the time may be meant for others."""
    retries.submit(InstantPool(), "x", 7, Failing(error_of("GET /x", status, "{}", told)))
    assert go_on(waiting) == [pause]


def test_a_short_retry_after_does_not_shorten_the_pauses(retries, waiting):
    retries.submit(InstantPool(), "x", 7, Failing(*[error_of("GET /x", 429, "{}", "1")] * 9))
    pauses = go_on(waiting)
    assert pauses[:3] == [1.0, 1.0, 1.0]
    assert pauses[-1] >= 15


def test_a_full_disk_after_an_outage_is_counted_anew(retries, waiting):
    retries.submit(InstantPool(), "x", 7, Failing(AWAY, AWAY, AWAY, FULL, AWAY))
    pauses = go_on(waiting)
    assert [2.5 <= pause <= 5 for pause in pauses] == [False, False, False, True, False]


def test_what_is_refused_is_tried_again_rarely_and_told_once(retries, waiting):
    call = Failing(*[REFUSED] * 12)
    with capture_logs() as told:
        retries.submit(InstantPool(), "job not removed", 7, call)
        pauses = go_on(waiting)
    assert min(pauses) >= 60
    assert pauses[-1] >= 450
    assert [(line["what"], line["run_id"]) for line in told] == [("job not removed", 7)]
    assert call.calls == 13


def test_a_refusal_after_an_outage_is_told_and_counted_anew(retries, waiting):
    with capture_logs() as told:
        retries.submit(InstantPool(), "x", 7, Failing(AWAY, AWAY, REFUSED, AWAY))
        pauses = go_on(waiting)
    assert len(told) == 3
    assert [pause >= 60 for pause in pauses] == [False, False, True, False]


def test_a_call_that_is_wanted_anew_takes_the_place_of_the_one_that_waits(retries, waiting):
    old, new = Failing(REFUSED, REFUSED), Failing(REFUSED)
    retries.submit(InstantPool(), "x", 7, old)
    retries.submit(InstantPool(), "x", 7, new)
    retries.submit(InstantPool(), "x", 8, Failing())
    go_on(waiting)
    assert (old.calls, new.calls) == (1, 2)


def test_the_first_try_may_be_made_at_once(retries, waiting):
    call = Failing(REFUSED)
    retries.make(InstantPool(), "x", 7, call)
    assert call.calls == 1
    go_on(waiting)
    assert call.calls == 2


def test_a_mistake_of_our_own_is_not_repeated(retries, waiting):
    with pytest.raises(KeyError):
        retries.submit(InstantPool(), "x", 7, Failing(KeyError("x")))
    assert (waiting, retries._wanted) == ([], {})


def test_what_is_dropped_is_not_made_again(retries, waiting):
    """The run's id belongs to another run by now."""
    call, other = Failing(*[AWAY] * 9), Failing(AWAY)
    retries.submit(InstantPool(), "x", 7, call)
    retries.submit(InstantPool(), "x", 8, other)
    retries.drop(7)
    go_on(waiting)
    assert (call.calls, other.calls) == (1, 2)
