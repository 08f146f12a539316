"""The node notes a run's Job at the first sign of the Job, and never makes the Job twice."""

import json
import threading

import pytest

from node_poc.cluster.objects import ClusterObjects
from node_poc.storage.records import Records, StorageError
from tests.fakes.kube_faults import FOR_EVER
from tests.fakes.station import eventually, payload


def noted(station, run_id=7):
    """Return the run's record on the disk."""
    return json.loads((station.task_dir / f"{run_id}/run.json").read_text())


@pytest.fixture
def podless(station):
    station.api.kubelet.makes_pods = False
    return station


@pytest.fixture
def unanswered(station, emitter):
    """A run whose Job the watch has seen, although the answer to the Job's creation is lost."""
    station.api.faults.add("POST", "/jobs", seconds_after=30)
    emitter.submit(payload(7))
    station.job_arrives(7)
    eventually(lambda: "initializing" in station.statuses(7))
    station.api.cut_connections()
    return emitter


def test_a_job_whose_answer_was_lost_is_not_made_again_after_a_restart(station, unanswered):
    station.api.kubelet.starts(7)
    eventually(lambda: noted(station)["job_created_at"], "the note of the Job")
    station.stop_node()
    station.api.kubelet.deletes_job(7)
    station.start_node()
    result = unanswered.wait(7, 40)
    assert (result["status"], result["cause"]) == ("failed", "JobDeleted")
    assert station.jobs_created(7) == 1
    assert station.api.kubelet.containers_started == [7]


def test_a_job_whose_answer_was_lost_is_missed_when_it_goes_in_a_gap(podless, unanswered):
    """The pod cannot show the loss: there is no pod yet."""
    station = podless
    station.api.watches_mute = True
    station.api.kubelet.deletes_job(7)
    lists = station.api.count("GET", "/jobs$")
    station.api.store.compact()
    eventually(lambda: station.api.count("GET", "/jobs$") > lists)
    assert unanswered.wait(7, 40)["status"] == "failed"
    assert station.jobs_created(7) == 1


def test_a_note_that_a_full_disk_does_not_take_is_written_later(station, emitter, monkeypatch):
    write, refused = Records.update_run, []

    def full(records, record):
        if record.job_created_at is not None and len(refused) < 3:
            refused.append(record)
            raise StorageError("no space left on device")
        write(records, record)

    monkeypatch.setattr(Records, "update_run", full)
    emitter.post(payload(7))
    station.job_arrives(7)
    eventually(lambda: noted(station)["job_created_at"], "the note of the Job")
    assert len(refused) == 3
    station.api.kubelet.ends(7)
    assert emitter.wait(7, 40)["status"] == "completed"


def test_a_kill_is_not_forgotten_when_the_answer_to_the_create_comes_late(
    station, emitter, monkeypatch
):
    create, answered = ClusterObjects.create_job, []

    def late(objects, job):
        answered.append(create(objects, job))
        return answered[-1]

    monkeypatch.setattr(ClusterObjects, "create_job", late)
    station.api.faults.add("POST", "/jobs", seconds_after=1.0)
    station.api.faults.add("DELETE", "/jobs", status=503, times=FOR_EVER)
    emitter.submit(payload(7))
    station.job_arrives(7)
    emitter.request("kill_request", {"run_ids": [7]})
    eventually(lambda: noted(station)["kill_requested"])
    eventually(lambda: answered)
    station.stop_node()
    assert noted(station)["kill_requested"]
    station.api.faults.clear()
    station.start_node()
    assert emitter.wait(7, 40)["status"] == "killed by user"


def test_a_run_that_is_killed_before_its_job_could_be_made_ends_and_is_never_made(station, emitter):
    """After a lost answer, a second try used to make a Job again that the kill had removed."""
    station.api.faults.add("POST", "/jobs", status=503, times=FOR_EVER)
    emitter.submit(payload(7))
    eventually(lambda: station.api.count("POST", "/jobs"))
    emitter.request("kill_request", {"run_ids": [7]})
    assert emitter.wait(7, 40)["status"] == "killed by user"
    assert station.api.jobs() == []


def test_a_kill_makes_no_room_for_a_second_job_that_is_on_its_way(station, emitter, monkeypatch):
    create, second, new = ClusterObjects.create_job, threading.Event(), []

    def made_twice(objects, job):
        """Lose the first answer, and start the next try before the run is killed."""
        new.append(create(objects, job))
        second.wait(20)
        new.append(create(objects, job))
        return new[-1]

    monkeypatch.setattr(ClusterObjects, "create_job", made_twice)
    emitter.submit(payload(7))
    station.job_arrives(7)
    emitter.request("kill_request", {"run_ids": [7]})
    eventually(lambda: noted(station)["kill_requested"])
    assert station.api.count("DELETE", "/jobs") == 0
    second.set()
    assert emitter.wait(7, 40)["status"] == "killed by user"
    eventually(lambda: not station.api.jobs())
    assert new == [True, False]
