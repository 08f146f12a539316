"""The main path with a real server and client: a task becomes a Job, and its end a result."""

import pytest

from tests.fakes.station import eventually
from tests.fakes.vantage6_station import IMAGE


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_task_goes_from_submit_to_result(make_station, admin, keyholder, encrypted):
    station = make_station(encrypted=encrypted)
    user = keyholder if encrypted else admin
    station.start_node()
    made = station.submit(user)
    run_id = station.run_of(made)
    station.job_arrives(run_id)
    station.kubelet.starts(run_id)
    eventually(lambda: user.runs(made["task_id"])[0]["status"] == "active")
    assert (station.task_dir / f"{run_id}/input").read_bytes() == (
        b'{"method": "average", "args": [], "kwargs": {}}'
    )
    station.ends(run_id, result={"average": 42}, log=b"info > reading\n")
    found = user.wait(made["task_id"], 90)
    assert (found["status"], found["ended"]) == ("completed", True)
    run = found["runs"][0]
    assert run["log"] == "info > reading"
    assert run["started_at"] <= run["finished_at"]
    assert user.results(made["task_id"]) == ['{"average": 42}']
    eventually(lambda: station.open_runs == [])
    left = {path.name for path in (station.task_dir / str(run_id)).iterdir()}
    assert not left & {"input", "token"}
    assert "output" in left


def test_the_node_is_online_and_tells_of_itself(station, admin):
    station.config = {"policies": {"allowed_algorithms": [IMAGE, "^other/"]}}
    station.start_node()
    node_id = station.identity["id"]
    node = eventually(lambda: (n := admin.call("node", node_id=node_id))["config"] and n)
    assert node["status"] == "online"
    told = sorted((item["key"], item["value"]) for item in node["config"])
    assert ("encryption", "0") in told or ("encryption", "False") in told
    assert ("allowed_algorithms", IMAGE) in told
    assert ("allowed_algorithms", "^other/") in told
    assert ("database_labels", "default") in told
    assert ("db_type_default", "csv") in told
