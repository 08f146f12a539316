"""A holder renews the Lease, and ends in time after the loss of the Lease."""

import time

import pytest
from holders import NAME, NODE, POD_A, QUICK, Station, held_by, station, until
from lease_api import no_answer
from structlog.testing import capture_logs

from node_poc.cluster.lease import Silence
from node_poc.cluster.lease_calls import audit_head_on_lease


def test_who_cannot_renew_ends_before_another_may_begin(api):
    with station(api, times=QUICK) as one:
        assert one.lease.acquire(one.stop)
        api.fail = no_answer()
        until(lambda: one.lost)
        assert time.monotonic() - api.written_at >= QUICK.give_up - 0.01
        assert not one.lease.is_held
    assert len(one.lost) == 1
    assert "could not be renewed" in one.lost[0]


def test_who_cannot_renew_ends_in_time_while_a_call_hangs(api):
    with station(api, times=QUICK) as one:
        assert one.lease.acquire(one.stop)
        api.answers.clear()
        until(lambda: one.lost)


def test_a_short_trouble_is_outlived(api):
    with station(api) as one:
        assert one.lease.acquire(one.stop)
        asked, api.fail = len(api.asked), no_answer()
        until(lambda: len(api.asked) >= asked + 3)
        api.fail = None
        failed_until = time.monotonic()
        until(lambda: api.written_at > failed_until)
        assert one.lost == []
        assert one.lease.is_held


def test_who_is_robbed_of_it_ends_and_does_not_rob_back(api):
    with station(api) as one:
        assert one.lease.acquire(one.stop)
        api.put(held_by(POD_A))
        until(lambda: one.lost)
        assert "node-a" in one.lost[0]
        assert not one.lease.is_held
    assert api.only()["holderIdentity"] == "node-a_aa"


@pytest.mark.parametrize("meddle", ["delete", "empty", "label"])
def test_a_person_who_meddles_with_it_does_not_end_the_node(api, meddle):
    with station(api) as one:
        assert one.lease.acquire(one.stop)
        if meddle == "delete":
            api.leases.clear()
        else:
            lease = api.call("GET", f"leases/{NAME}")
            lease["metadata"]["labels"]["mine"] = "yes"
            if meddle == "empty":
                lease["spec"]["holderIdentity"] = ""
            api.put(lease)
        meddled_at = time.monotonic()
        until(lambda: api.written_at > meddled_at)
        assert one.lost == []
        assert api.only()["holderIdentity"] == "node-b_bb"


def test_an_answer_that_makes_no_sense_ends_the_node_not_the_thread_only(api):
    with station(api) as one, capture_logs():  # to show a traceback takes long on a busy machine
        assert one.lease.acquire(one.stop)
        api.fail = KeyError("nonsense")
        until(lambda: one.lost)
        assert "KeyError" in one.lost[0]


def test_a_stop_without_an_api_does_not_hang(api):
    with station(api) as one:
        assert one.lease.acquire(one.stop)
        api.answers.clear()
        began = time.monotonic()
        one.lease.stop(0.2)
        assert time.monotonic() - began < 20
    assert one.lost == []


def test_stop_before_acquire_is_harmless(api):
    one = Station(api)
    one.lease.stop(1.0)
    assert api.asked == []


def test_silence_is_counted_from_the_last_change_that_was_seen():
    silence, lease = Silence(), {"metadata": {"resourceVersion": "1"}, "spec": {}}
    assert silence.seconds(lease, 100.0) == 0
    assert silence.seconds(lease, 130.0) == 30
    lease["spec"]["renewTime"] = "whatever"
    assert silence.seconds(lease, 131.0) == 0
    lease["metadata"]["resourceVersion"] = "0"
    assert silence.seconds(lease, 140.0) == 0
    silence.forget()
    assert silence.seconds(lease, 200.0) == 0


def test_the_lease_keeps_the_head_of_the_audit_trail_until_there_is_a_newer_head(api):
    """The next process must be able to compare the former head before it writes its own."""
    free = held_by(POD_A, holderIdentity="")
    free["metadata"]["annotations"] = {"vantage6.ai/audit-head": "former", "other": "x"}
    api.put(free)

    def head():
        return audit_head_on_lease(api, "v6-jobs", NODE)

    with station(api) as made:
        assert made.lease.acquire(made.stop)
        calls = made.lease.calls
        assert calls.found_audit_head == "former"
        written = api.count("PUT")
        until(lambda: api.count("PUT") > written)
        assert head() == "former"
        calls.audit_head = lambda: "newer"
        until(lambda: head() == "newer")
        calls.audit_head = lambda: "last"
    assert head() == "last"
    assert api.leases[NAME]["metadata"]["annotations"]["other"] == "x"


def test_without_a_lease_no_head_of_the_audit_trail_is_known(api):
    assert audit_head_on_lease(api, "v6-jobs", NODE) == ""
