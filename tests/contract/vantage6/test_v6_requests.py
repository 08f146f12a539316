"""How often a real server is asked for a run, and what it is told in time."""

from collections import Counter

import pytest

from node_poc.protocol.vantage6_rest import Rest
from tests.fakes.station import eventually

MOST = 4


@pytest.fixture
def asked(station, monkeypatch):
    """What a ready node has asked the server for: (method, path) and how often."""
    found = Counter()
    call = Rest._call

    def counted(rest, method, url, token, **options):
        path = "/".join("N" if part.isdigit() else part for part in url.split("/")[4:])
        found[method, path] += 1
        return call(rest, method, url, token, **options)

    monkeypatch.setattr(Rest, "_call", counted)
    station.start_node()
    eventually(lambda: found["GET", "run"])
    eventually(lambda: not station.node._server._parts.sync._all)
    found.clear()
    return found


def ends_at_once(station):
    """Each container runs for a moment and leaves a result."""

    def on_pod(run_id):
        station.kubelet.starts(run_id)
        station.ends(run_id, result=run_id)

    station.kubelet.on_pod = on_pod


@pytest.mark.parametrize("long", [False, True])
def test_a_single_run(station, admin, asked, long):
    if long:
        station.kubelet.on_pod = station.kubelet.starts
    else:
        ends_at_once(station)
    made = station.submit(admin)
    run_id = station.run_of(made)
    if long:
        eventually(lambda: admin.runs(made["task_id"])[0]["status"] == "active")
        station.ends(run_id, result=run_id)
    assert admin.wait(made["task_id"], 90)["status"] == "completed"
    eventually(lambda: station.open_runs == [])
    assert sum(asked.values()) <= MOST, asked


def test_a_burst(station, admin, asked):
    ends_at_once(station)
    tasks = [station.submit(admin)["task_id"] for _ in range(20)]
    for task_id in tasks:
        assert admin.wait(task_id, 90)["status"] == "completed"
    eventually(lambda: station.open_runs == [])
    assert sum(asked.values()) <= MOST * len(tasks), asked
    assert asked["GET", "run"] <= len(tasks)


def test_a_run_that_is_killed_at_once_has_no_job_or_none_any_more(station, admin, asked):
    made = station.submit(admin)
    assert admin.kill(made["task_id"])["status"] == 200
    run_id = station.run_of(made)
    eventually(lambda: station._job(run_id) is None)
    eventually(lambda: station.open_runs == [])
    assert admin.wait(made["task_id"], 90)["status"] == "killed by user"
    station.node._server._parts.sync.ask_all()
    eventually(lambda: station.open_runs == [] and station._job(run_id) is None)
