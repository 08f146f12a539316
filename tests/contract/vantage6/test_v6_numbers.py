"""A repeated run number: with SQLite a real server gives a deleted run's number to the next run."""

import pytest

from node_poc.protocol.vantage6.incoming import known_runs
from tests.fakes.station import eventually


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(known_runs, "_RETIRE_SECONDS", 0.2)


def posted(station, user):
    made = station.submit(user)
    return made["task_id"], station.run_of(made)


def again(station, root, admin, task_id, run_id):
    """Delete a task and post another, which gets the same numbers for task and run."""
    assert root.request("DELETE", f"task/{task_id}")["status"] == 200
    new = posted(station, admin)
    assert new == (task_id, run_id)
    return new


def ends_well(station, admin, task_id, run_id, answer):
    eventually(lambda: station.jobs_created(run_id) == 2)
    station.job_arrives(run_id)
    station.kubelet.starts(run_id)
    station.ends(run_id, result=answer)
    assert admin.wait(task_id, 90)["status"] == "completed"
    assert admin.results(task_id) == [str(answer)]
    eventually(lambda: station.open_runs == [])


def test_of_a_run_that_was_delivered(station, admin, root):
    station.start_node()
    task_id, run_id = posted(station, admin)
    station.job_arrives(run_id)
    station.kubelet.starts(run_id)
    station.ends(run_id, result=1)
    assert admin.wait(task_id, 90)["status"] == "completed"
    eventually(lambda: station.open_runs == [])
    again(station, root, admin, task_id, run_id)
    ends_well(station, admin, task_id, run_id, 2)


def test_of_a_run_that_goes(station, admin, root):
    station.start_node()
    task_id, run_id = posted(station, admin)
    station.job_arrives(run_id)
    station.kubelet.starts(run_id)
    again(station, root, admin, task_id, run_id)
    ends_well(station, admin, task_id, run_id, 2)


def test_of_a_run_that_ended_while_the_server_was_away(station, admin, root):
    station.start_node()
    task_id, run_id = posted(station, admin)
    station.job_arrives(run_id)
    station.kubelet.starts(run_id)
    station.stop_node()
    station.ends(run_id, result=1)
    again(station, root, admin, task_id, run_id)
    station.start_node()
    ends_well(station, admin, task_id, run_id, 2)
