"""Which process takes the Lease, and when."""

import threading
import time

import pytest
from holders import LASTING, NAME, POD_A, POD_B, QUICK, held_by, station, until
from lease_api import no_answer
from structlog.testing import capture_logs

from node_poc.cluster.errors import error_of
from node_poc.cluster.lease import LeaseTimes
from node_poc.manifests.lease import Holder


def phase(api, pod, phase):
    api.pods[pod] = {"metadata": {"name": pod}, "status": {"phase": phase}}


def test_a_free_name_is_taken_at_once(api):
    with station(api) as one:
        began = time.monotonic()
        assert one.lease.acquire(one.stop)
        assert time.monotonic() - began < LASTING.duration / 2
        assert one.lease.is_held
        assert api.only()["holderIdentity"] == "node-b_bb"
        assert api.only()["leaseDurationSeconds"] == 60
        assert list(api.leases) == [one.lease.name] == [NAME]


def test_it_is_given_back_at_the_end_and_the_next_takes_it_at_once(api):
    with station(api, POD_A) as one:
        assert one.lease.acquire(one.stop)
    assert api.only()["holderIdentity"] == ""
    assert not one.lease.is_held
    assert one.lost == []
    with station(api) as other:
        assert other.lease.acquire(other.stop)
        assert api.only()["leaseTransitions"] == 1


def test_it_is_renewed_by_one_request_each_time(api):
    with station(api) as one:
        assert one.lease.acquire(one.stop)
        first = api.only()["renewTime"]
        until(lambda: api.count("PUT") >= 3)
        assert api.only()["renewTime"] > first
        assert api.count("GET") == 1
        assert one.lease.is_held


def test_few_requests_in_a_minute():
    assert 60 / LeaseTimes().renew_every <= 3


def test_nobody_works_while_another_pod_does(api):
    phase(api, "node-a", "Running")
    times = LeaseTimes(4.0, give_up=3.5, renew_every=0.1, retry_every=0.05, look_every=0.05)
    with (
        station(api, POD_A, times) as one,
        station(api, times=times) as other,
        capture_logs() as told,
    ):
        assert one.lease.acquire(one.stop)
        other.acquire_behind()
        time.sleep(4.5)  # longer than the Lease lasts without its renewals
        assert other.works is None
        assert not other.lease.is_held
        assert api.only()["holderIdentity"] == "node-a_aa"
        one.end()
        until(lambda: other.works)
    (first, *_) = [entry for entry in told if "another node pod" in entry["event"]]
    assert first["holder"] == "node-a_aa"
    assert "kubectl -n v6-jobs delete pod node-a" in first["advice"]
    assert "node_name" in first["advice"]


def test_the_same_pods_next_container_takes_over_at_once(api):
    phase(api, "node-b", "Running")
    api.put(held_by(Holder("node-b", "0f", in_pod=True)))
    with station(api) as one:
        one.acquire_behind()
        until(lambda: one.works)
        assert api.only()["holderIdentity"] == "node-b_bb"


@pytest.mark.parametrize("ended", [None, "Succeeded", "Failed"])
def test_a_pod_that_is_gone_or_has_ended_is_not_waited_for(api, ended):
    if ended:
        phase(api, "node-a", ended)
    api.put(held_by(POD_A))
    with station(api) as one:
        one.acquire_behind()
        until(lambda: one.works)


@pytest.mark.parametrize("ended", ["Running", "Unknown"])
def test_a_pod_that_may_live_is_waited_for_until_it_was_silent_for_long_enough(api, ended):
    phase(api, "node-a", ended)
    api.put(held_by(POD_A))
    with station(api, times=QUICK) as one:
        began = time.monotonic()
        assert one.lease.acquire(one.stop)
        assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize("renewed", ["1970-01-01T00:00:00.000000Z", "2999-01-01T00:00:00Z"])
def test_what_the_holders_clock_says_does_not_matter(api, renewed):
    phase(api, "node-a", "Running")
    api.put(held_by(POD_A, renewTime=renewed))
    with station(api, times=QUICK) as one:
        began = time.monotonic()
        assert one.lease.acquire(one.stop)
        assert time.monotonic() - began >= 1.0


def test_a_longer_time_that_the_holder_wrote_is_kept_to(api):
    phase(api, "node-a", "Running")
    api.put(held_by(POD_A, leaseDurationSeconds=2))
    with station(api, times=QUICK) as one:
        began = time.monotonic()
        assert one.lease.acquire(one.stop)
        assert time.monotonic() - began >= 2.0


@pytest.mark.parametrize("text", ["outside:my-machine_0f", "../../x_0f"])
def test_a_holder_without_a_pod_is_waited_for(api, text):
    api.put(held_by(POD_A, holderIdentity=text))
    with station(api, Holder("my-machine", "0e", in_pod=False), QUICK) as one:
        began = time.monotonic()
        assert one.lease.acquire(one.stop)
        assert time.monotonic() - began >= 1.0
    assert not [path for _, path, _ in api.asked if "/pods" in path]


def test_a_race_for_it_has_one_winner(api):
    gate = threading.Barrier(2, timeout=5)

    def meet():
        if threading.current_thread().name == "lease":
            try:
                gate.wait()
            except threading.BrokenBarrierError:
                return

    api.before_write = meet
    phase(api, "node-a", "Running")
    phase(api, "node-b", "Running")
    api.put(held_by(POD_A, holderIdentity=""))
    slow = LeaseTimes(duration=60, give_up=50, renew_every=30, retry_every=1, look_every=0.05)
    with station(api, POD_A, slow) as one, station(api, POD_B, slow) as other:
        one.acquire_behind()
        other.acquire_behind()
        until(lambda: one.works or other.works)
        gate.abort()
        time.sleep(0.6)
        assert [one.works, other.works].count(True) == 1
        assert one.lost == other.lost == []


def test_a_stop_ends_the_wait(api):
    phase(api, "node-a", "Running")
    api.put(held_by(POD_A, leaseDurationSeconds=600))
    with station(api) as one:
        one.acquire_behind()
        until(lambda: api.asked)
        one.stop.set()
        until(lambda: one.works is False)
    assert api.only()["holderIdentity"] == "node-a_aa"


def test_a_stop_ends_the_wait_even_in_a_call_that_hangs_and_what_it_took_is_given_back(api):
    api.answers.clear()
    with station(api) as one:
        one.acquire_behind()
        until(lambda: api.asked)
        one.stop.set()
        until(lambda: one.works is False)
        api.answers.set()
        until(lambda: api.leases and api.only()["holderIdentity"] == "")
    assert one.lost == []


@pytest.mark.parametrize("status", [0, 403, 500])
def test_an_api_that_refuses_is_asked_again_and_nobody_works_meanwhile(api, status):
    api.fail = no_answer() if not status else error_of("GET x", status, '{"message": "no"}')
    with station(api) as one, capture_logs() as told:
        one.acquire_behind()
        time.sleep(0.3)
        assert one.works is None
        api.fail = None
        until(lambda: one.works)
    advice = next(e["advice"] for e in told if e["event"].startswith("no lease"))
    assert ("kubeconfs" in advice) == (status == 403)


def test_an_answer_that_was_lost_is_no_other_holder(api):
    real = api.put
    lose = [True]

    def put(lease):
        made = real(lease)
        if lose and lose.pop():
            raise no_answer()
        return made

    api.put = put
    with station(api) as one:
        one.acquire_behind()
        until(lambda: one.works)
        lose.append(True)
        until(lambda: not lose)
        writes = api.count("PUT")
        until(lambda: api.count("PUT") >= writes + 3)
        assert one.lost == []
        assert one.lease.is_held
