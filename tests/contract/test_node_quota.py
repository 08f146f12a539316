"""A quota refuses Jobs: their runs wait, a single run retries for all, and all start in the end."""

import pytest
from emitter_client import EventKind

from node_poc.concurrency.backoff import Backoff
from node_poc.engine import assembly
from tests.fakes.kube_faults import FOR_EVER
from tests.fakes.station import eventually, payload

# With the pauses of ``hurry`` in seconds: after a first refusal 0.4, cut at random by up to half.
LEAST_PAUSE = 0.2
NAMES = ("count/jobs.batch", "requests.cpu", "limits.memory", "pods", "requests.storage")


def quota(requested="1", used="2", limited="2", name="count/jobs.batch"):
    return (
        f'jobs.batch "x" is forbidden: exceeded quota: objects, requested: {name}={requested}, '
        f"used: {name}={used}, limited: {name}={limited}"
    )


def refuse(station, message):
    station.api.faults.add(
        "POST", "/jobs", status=403, reason="Forbidden", message=message, times=FOR_EVER
    )


def told(station, run_id):
    """Return the cause of the run's last status; the acknowledgement may come before or after."""
    statuses = [e for e in list(station.events) if e.kind is EventKind.STATUS]
    return [e.data["cause"] for e in statuses if e.run_id == run_id][-1:]


def waiting(emitter):
    """Return the only run in the node's list, or None if the run has no place in the line."""
    (listed,) = emitter.request("list_request", {})["runs"]
    return listed if listed["position"] else None


def tried(station):
    """Return the requests to create a Job."""
    return station.api.requests("POST", "/jobs")


@pytest.mark.parametrize("name", NAMES)
def test_a_run_waits_while_a_quota_is_used_up(station, emitter, name):
    refuse(station, quota(name=name))
    emitter.post(payload(7))
    eventually(lambda: told(station, 7) == ["QuotaExceeded"])
    # A run that tries again has no place meanwhile.
    listed = eventually(lambda: waiting(emitter))
    assert (listed["status"], listed["cause"], listed["position"]) == (
        "pending",
        "QuotaExceeded",
        1,
    )
    assert "quota" in listed["detail"]
    station.api.faults.clear()
    station.job_arrives(7)
    station.api.kubelet.starts(7)
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"
    assert len(station.api.jobs()) == 1


def test_one_asks_for_all_that_wait_and_all_start_in_order(station, emitter):
    refuse(station, quota())
    for run_id in range(1, 31):
        emitter.post(payload(run_id))
    tries = eventually(lambda: tried(station)[4:] and tried(station))
    # Some were in progress together when the first was refused; then each waits for a pause.
    seconds = tries[-1].at - tries[0].at
    assert len(tries) <= 10 + seconds / LEAST_PAUSE
    eventually(lambda: told(station, 30) == ["Queued"])
    station.api.faults.clear()
    eventually(lambda: len(station.api.jobs()) == 30)


def test_a_job_that_goes_lets_the_next_in_at_once(station, monkeypatch):
    monkeypatch.setattr(assembly, "QUOTA_PAUSES", Backoff(600.0, 600.0))
    emitter = station.start()
    emitter.post(payload(1))
    station.job_arrives(1)
    refuse(station, quota())
    emitter.post(payload(2))
    eventually(lambda: told(station, 2) == ["QuotaExceeded"])
    station.api.faults.clear()
    station.api.kubelet.deletes_job(1)
    station.job_arrives(2)


def test_a_run_that_waits_for_a_quota_is_killed_without_a_job(station, emitter):
    refuse(station, quota())
    emitter.post(payload(7))
    eventually(lambda: told(station, 7) == ["QuotaExceeded"])
    emitter.request("kill_request", {"run_ids": [7]})
    assert emitter.wait(7, 40)["status"] == "killed by user"
    assert station.api.jobs() == []


def test_the_kill_of_a_waiting_run_removes_the_job_whose_answer_was_lost(station, monkeypatch):
    """The lost Job used up the quota, which then refused the repeated request."""
    monkeypatch.setattr(assembly, "QUOTA_PAUSES", Backoff(600.0, 600.0))
    emitter = station.start()
    station.api.watches_mute = True
    for kind in ("/jobs", "/pods"):
        station.api.faults.add("GET", kind, status=503, times=FOR_EVER)
    station.api.faults.add("POST", "/jobs", seconds_after=0.3)
    emitter.submit(payload(7))
    station.job_arrives(7)
    refuse(station, quota())
    station.api.cut_connections()
    eventually(lambda: told(station, 7) == ["QuotaExceeded"])
    assert len(station.api.jobs()) == 1
    station.server.freeze()  # nobody acknowledges the result: only the kill removes the Job
    station._nodes[-1]._manager.kill_tasks(None)
    eventually(lambda: station.api.jobs() == [])


def test_a_run_that_never_fits_ends_with_the_reason(station, emitter):
    refuse(station, quota(requested="4", used="0", limited="2", name="limits.cpu"))
    emitter.post(payload(7))
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("start failed", "QuotaTooSmall")
    assert "limits.cpu" in result["detail"]


def test_the_limit_for_room_ends_it(station):
    station.settings["limits"] = {"schedule_seconds": 0.5}
    emitter = station.start()
    refuse(station, quota())
    emitter.post(payload(7))
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("start failed", "QuotaExceeded")


def test_after_a_restart_it_waits_again(station, emitter):
    refuse(station, quota())
    emitter.post(payload(7))
    eventually(lambda: told(station, 7) == ["QuotaExceeded"])
    station.stop_node()
    station.start_node()
    station.api.faults.clear()
    station.job_arrives(7)
    assert len(station.api.jobs()) == 1
