"""Run folders are removed after their retention time, not before; and no run ever runs twice."""

import json

import pytest

from node_poc.engine import janitor
from tests.fakes.station import eventually, payload


@pytest.fixture
def brief(station, monkeypatch):
    """A station that keeps no folders: (station, emitter)."""
    monkeypatch.setattr(janitor, "_ROUND_SECONDS", 0.1)
    station.settings = {"keep_folders_seconds": 0}
    return station, station.start()


def run_to_its_end(station, emitter, run_id, **changes):
    station.api.kubelet.on_pod = station.api.kubelet.ends
    assert emitter.post(payload(run_id, **changes))["accepted"]
    result = emitter.wait(run_id, 40)
    eventually(lambda: job_is_done(station, run_id), f"run {run_id} is delivered")
    return result


def job_is_done(station, run_id):
    """Whether the node has marked the Job, or removed it, its folder being gone by then."""
    return station._marked(run_id) or station._of("jobs", run_id) is None


def gone(station, run_id):
    return not (station.task_dir / str(run_id)).exists()


def test_folders_of_a_delivered_run_go(brief):
    station, emitter = brief
    run_to_its_end(station, emitter, 7)
    eventually(lambda: gone(station, 7))
    eventually(lambda: not (station.task_dir / "tmp/example-tmp-vol").exists())
    eventually(lambda: not list((station.task_dir / ".node/trash").iterdir()))
    assert station.open_runs == []


def test_who_asks_for_a_removed_run_is_told_plainly(brief):
    station, emitter = brief
    run_to_its_end(station, emitter, 7)
    eventually(lambda: gone(station, 7))
    for event in ("result_request", "status_request", "log_request"):
        answer = emitter.request(event, {"run_id": 7})
        assert "completed" in answer["error"]
        assert "kept for 0 s" in answer["error"]
    killed = emitter.request("kill_request", {"run_ids": [7]})["outcomes"]
    assert killed == [{"run_id": 7, "outcome": "already ended", "status": "completed"}]
    assert emitter.request("list_request", {})["runs"] == []


@pytest.mark.parametrize("restart", [False, True])
def test_a_removed_run_that_is_posted_again_does_not_run_again(brief, restart):
    station, emitter = brief
    run_to_its_end(station, emitter, 7)
    eventually(lambda: gone(station, 7))
    if restart:
        station.stop_node()
        station.start_node()
    again = emitter.post(payload(7))
    assert again["accepted"] is False
    assert "kept for 0 s" in again["reason"]
    other = emitter.post(payload(7, docker_input="another"))
    assert other["accepted"] is False
    assert "another content" in other["reason"]
    assert station.jobs_created(7) == 1


def test_an_open_run_keeps_its_folder_and_the_shared_one(brief):
    station, emitter = brief
    station.api.kubelet.on_pod = lambda run_id: run_id == 7 and station.api.kubelet.ends(run_id)
    emitter.post(payload(8))
    station.job_arrives(8)
    emitter.post(payload(7))
    emitter.wait(7, 40)
    eventually(lambda: gone(station, 7))
    assert (station.task_dir / "8/run.json").exists()
    assert (station.task_dir / "tmp/example-tmp-vol").is_dir()
    station.api.kubelet.ends(8)
    assert emitter.wait(8, 40)["status"] == "completed"


def test_nothing_goes_before_its_time(station, monkeypatch):
    monkeypatch.setattr(janitor, "_ROUND_SECONDS", 0.05)
    emitter = station.start()
    run_to_its_end(station, emitter, 7)
    rounds = []
    real = janitor.Janitor._round
    monkeypatch.setattr(janitor.Janitor, "_round", lambda self: (real(self), rounds.append(1)))
    eventually(lambda: len(rounds) > 3)
    assert emitter.request("result_request", {"run_id": 7})["result"]["status"] == "completed"
    assert (station.task_dir / "tmp/example-tmp-vol").is_dir()


def test_folders_of_a_node_that_kept_no_notes_are_taken_up(station, monkeypatch):
    """The retention time begins with the first start of a node that removes folders."""
    monkeypatch.setattr(janitor, "_ROUND_SECONDS", 0.1)
    emitter = station.start()
    run_to_its_end(station, emitter, 7)
    eventually((station.task_dir / ".node/closed/7").exists)
    station.stop_node()
    (station.task_dir / ".node/closed/7").unlink()
    (station.task_dir / ".node/volumes/example-tmp-vol/7").unlink()
    (station.task_dir / ".node/volumes/example-tmp-vol").rmdir()
    station.settings = {"keep_folders_seconds": 0}
    station.start_node()
    eventually(lambda: gone(station, 7))
    eventually(lambda: not (station.task_dir / "tmp/example-tmp-vol").exists())
    assert emitter.post(payload(7))["accepted"] is False


def test_a_crash_between_note_and_folder_is_made_good(station, monkeypatch):
    monkeypatch.setattr(janitor, "_ROUND_SECONDS", 0.1)
    emitter = station.start()
    run_to_its_end(station, emitter, 7)
    note = station.task_dir / ".node/closed/7"
    eventually(note.exists)
    station.stop_node()
    note.rename(station.task_dir / ".node/gone/7")
    station.start_node()
    eventually(lambda: gone(station, 7))
    assert emitter.post(payload(7))["accepted"] is False


def test_a_disk_that_takes_no_run_is_no_business_of_the_researcher(station, emitter):
    (station.task_dir / "8").symlink_to(station.folder)
    answer = emitter.post(payload(8))
    assert answer["accepted"] is False
    assert "disk" in answer["reason"]
    assert str(station.folder) not in json.dumps(answer)
