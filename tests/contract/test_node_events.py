"""Reasons for runs that do not start, known only from Events, which the node lists rarely."""

from node_poc.engine import engine
from node_poc.runs import waits
from tests.fakes.kube_faults import FOR_EVER
from tests.fakes.station import eventually, payload

MISSING = (
    'MountVolume.SetUp failed for volume "database-4" : hostPath type check failed: '
    "/secret/path/x.csv is not a file"
)
QUOTA = 'Error creating: pods "x" is forbidden: exceeded quota: compute, used: pods=1, limited: 1'
WEBHOOK = 'Error creating: admission webhook "rules.example" denied the request: not here'


def told(station, run_id, cause):
    return next(
        (
            e.data
            for e in list(station.events)
            if e.run_id == run_id and e.data.get("cause") == cause
        ),
        None,
    )


def test_a_database_that_is_not_there_is_told_and_ends_the_run(station, emitter):
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.waits(7, "ContainerCreating")
    station.api.kubelet.tells(7, "FailedMount", MISSING)
    eventually(lambda: told(station, 7, "DatabaseMissing"))
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("start failed", "DatabaseMissing")
    assert "secret" not in str(told(station, 7, "DatabaseMissing")) + str(result)
    eventually(lambda: station.api.jobs() == [])


def test_a_run_that_no_pod_is_made_for_waits_for_quota(station, emitter):
    station.api.kubelet.makes_pods = False
    emitter.post(payload(7))
    job = station.job_arrives(7)
    station.api.kubelet.tells(7, "FailedCreate", QUOTA, "jobs")
    eventually(lambda: told(station, 7, "QuotaExceeded"))
    station.api.kubelet.make_pod(job)
    station.api.kubelet.starts(7)
    station.api.kubelet.ends(7)
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("completed", None)


def test_a_run_that_admission_forbids_ends(station, emitter):
    station.api.kubelet.makes_pods = False
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.tells(7, "FailedCreate", WEBHOOK, "jobs")
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("start failed", "NotAdmitted")
    eventually(lambda: station.api.jobs() == [])


def test_a_run_that_no_pod_is_ever_made_for_ends_at_its_time(station):
    station.settings = {"limits": {"start_seconds": 0.5}}
    station.api.kubelet.makes_pods = False
    emitter = station.start()
    emitter.post(payload(7))
    result = emitter.wait(7, 40)
    assert (result["status"], result["cause"]) == ("start failed", "PodNotCreated")


def test_events_that_may_not_be_read_do_no_harm(station, emitter):
    station.api.faults.add("GET", "/events", status=403, times=FOR_EVER)
    emitter.post(payload(7))
    station.job_arrives(7)
    station.api.kubelet.waits(7, "ContainerCreating")
    eventually(lambda: station.api.count("GET", "/events") >= 2)
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"


def test_many_runs_that_wait_cost_one_list_of_events(station, emitter, monkeypatch):
    runs = range(1, 13)
    monkeypatch.setattr(waits, "_LOOK_SECONDS", (0.2, 60.0))
    monkeypatch.setattr(engine, "_TICK_SECONDS", 1000.0)  # no run looks before all of them wait
    for run_id in runs:
        emitter.post(payload(run_id))
    for run_id in runs:
        station.job_arrives(run_id)
        station.api.kubelet.waits(run_id, "ContainerCreating")
        station.api.kubelet.tells(run_id, "FailedMount", f"MountVolume.SetUp failed: {run_id}")
    monkeypatch.setattr(engine, "_TICK_SECONDS", 0.05)
    emitter.request("list_request", {})  # wakes the engine
    eventually(lambda: all(told(station, run_id, "VolumeNotReady") for run_id in runs))
    assert station.api.count("GET", "/events") <= len(runs) / 2
