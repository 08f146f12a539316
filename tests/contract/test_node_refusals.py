"""Calls that the API refuses for good delay no result, and are not repeated again and again."""

import pytest

from node_poc.concurrency.backoff import Backoff
from node_poc.engine import retries
from tests.fakes.kube_faults import FOR_EVER
from tests.fakes.station import eventually, payload


@pytest.fixture
def patient(hurry, monkeypatch):
    """Do not retry refused calls during the test."""
    monkeypatch.setattr(retries, "_REFUSED", Backoff(1000.0, 2000.0))


def test_a_role_that_allows_nothing_does_not_hang_a_run(station, patient):
    emitter = station.start()
    for method in ("POST", "DELETE", "PATCH"):
        station.api.faults.add(method, "/jobs", status=403, times=FOR_EVER)
    emitter.post(payload(7))
    assert emitter.wait(7, 40)["status"] == "start failed"
    eventually(lambda: station.open_runs == [])


def test_a_job_that_may_not_be_removed_is_removed_once_it_may(station, emitter):
    station.api.faults.add("DELETE", "/jobs", status=403, times=FOR_EVER)
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.waits(7, "InvalidImageName")
    assert emitter.wait(7, 40)["status"] == "non-existing Docker image"
    assert station.api.jobs()
    station.api.faults.clear()
    eventually(lambda: station.api.jobs() == [])


def test_a_refused_kill_is_not_repeated_in_a_hurry_but_at_each_wish(station, patient):
    emitter = station.start()
    station.api.faults.add("DELETE", "/jobs", status=403, times=FOR_EVER)
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    for wish in (1, 2):
        emitter.request("kill_request", {"run_ids": [7]})
        eventually(lambda wanted=wish: station.api.count("DELETE", "/jobs") == wanted)
    station.api.kubelet.ends(7, 143)
    assert emitter.wait(7, 40)["status"] == "killed by user"
    assert station.api.count("DELETE", "/jobs") == 2


def test_unreadable_logs_hold_up_neither_new_runs_nor_other_results(station, emitter):
    """The machine of these runs is lost: the node retries each log for a minute and more."""
    lost = range(101, 113)
    for run_id in lost:
        emitter.submit(payload(run_id))
        station.job_arrives(run_id)
        station.api.faults.add("GET", f"run-{run_id}-", status=503, times=FOR_EVER)
    for run_id in lost:
        station.api.kubelet.ends(run_id)
    eventually(lambda: station.api.count("GET", "/log") >= len(lost))
    emitter.submit(payload(7))
    station.job_arrives(7)
    station.api.kubelet.ends(7, log=b"said")
    assert emitter.wait(7, 40)["log"] == "said"
