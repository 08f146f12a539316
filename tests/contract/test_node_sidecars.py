"""A mesh adds a sidecar to the pod that never ends: the algorithm ends, pod and Job do not.

The run is delivered like any other, and its Job is removed after its time to live.
"""

from __future__ import annotations

import itertools

import pytest

from node_poc.engine import lingering_jobs
from tests.fakes.kube_store import now_text
from tests.fakes.station import eventually, payload

_RUN_IDS = itertools.count(1)


@pytest.fixture
def kept_briefly(station, monkeypatch):
    """A station with sidecars, whose delivered Jobs are removed at once: (station, emitter)."""
    monkeypatch.setattr(lingering_jobs, "_SLACK_SECONDS", 0.3)
    station.settings["keep_finished_seconds"] = 0
    return station, station.start()


def algorithm_ends(station, run_id, exit_code=0):
    """End the algorithm's container; the sidecar goes on."""
    kubelet = station.api.kubelet
    ended = {
        "exitCode": exit_code,
        "reason": "Error" if exit_code else "Completed",
        "startedAt": now_text(),
        "finishedAt": now_text(),
    }

    def change(pod):
        own = pod["spec"]["containers"][0]["name"]
        sidecar = {"name": "istio-proxy", "state": {"running": {"startedAt": now_text()}}}
        algorithm = {"name": own, "state": {"terminated": ended}}
        pod["status"] = {"phase": "Running", "containerStatuses": [sidecar, algorithm]}
        pod["spec"] = {**pod["spec"], "nodeName": "fake-node"}

    kubelet._store.change("pods", kubelet.pod_of(run_id)["metadata"]["name"], change)


def run(station, emitter, exit_code=0):
    """Take a run to the end of its algorithm; return its number."""
    run_id = next(_RUN_IDS)
    assert emitter.post(payload(run_id))["accepted"]
    station.job_arrives(run_id)
    station.api.kubelet.starts(run_id)
    algorithm_ends(station, run_id, exit_code)
    return run_id


def is_there(station, run_id):
    return station._of("jobs", run_id) is not None


def deletions(station):
    return len(station.api.requests("DELETE", "/jobs/"))


@pytest.mark.parametrize(("exit_code", "status"), [(0, "completed"), (1, "crashed")])
def test_the_job_of_a_delivered_run_goes_though_a_sidecar_lives_on(kept_briefly, exit_code, status):
    station, emitter = kept_briefly
    run_ids = [run(station, emitter, exit_code) for _ in range(3)]
    for run_id in run_ids:
        assert emitter.wait(run_id, 40)["status"] == status
    for run_id in run_ids:
        eventually(lambda run_id=run_id: not is_there(station, run_id), "the Job is removed")
    assert deletions(station) == len(run_ids)
    assert station.open_runs == []


def test_a_killed_run_ends_and_its_job_goes(kept_briefly):
    station, emitter = kept_briefly
    run_id = next(_RUN_IDS)
    emitter.post(payload(run_id))
    station.job_arrives(run_id)
    station.api.kubelet.starts(run_id)
    emitter.request("kill_request", {"run_ids": [run_id]})
    assert emitter.wait(run_id, 40)["status"] == "killed by user"
    eventually(lambda: not is_there(station, run_id))


def test_a_run_over_its_deadline_ends_and_its_job_goes(kept_briefly):
    station, emitter = kept_briefly
    run_id = next(_RUN_IDS)
    emitter.post(payload(run_id))
    station.job_arrives(run_id)
    station.api.kubelet.starts(run_id)
    station.api.kubelet.finish_job(run_id, failed="DeadlineExceeded")
    assert emitter.wait(run_id, 40)["cause"] == "DeadlineExceeded"
    eventually(lambda: not is_there(station, run_id))


def test_the_time_counts_from_the_delivery_also_after_a_restart(station, monkeypatch):
    monkeypatch.setattr(lingering_jobs, "_SLACK_SECONDS", 0.3)
    station.settings["keep_finished_seconds"] = 3600
    emitter = station.start()
    run_id, other = run(station, emitter), run(station, emitter)
    for each in (run_id, other):
        station.job_is_marked(each)
    station.stop_node()

    def an_hour_ago(job):
        marks = job["metadata"]["annotations"]
        marks["vantage6.ai/result-delivered-at"] = str(
            int(marks["vantage6.ai/result-delivered-at"]) - 3601
        )

    kubelet = station.api.kubelet
    kubelet._store.change("jobs", kubelet.job_of(run_id)["metadata"]["name"], an_hour_ago)
    station.start_node()
    eventually(lambda: not is_there(station, run_id))
    assert is_there(station, other)
