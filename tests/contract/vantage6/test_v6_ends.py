"""How runs end at a real server: crashes, kills, refusals, failed siblings; and the runs' logs."""

import contextlib
import time

import pytest
import socketio

from node_poc.protocol.vantage6.outgoing import logs
from node_poc.protocol.vantage6.rest.session import RestSession
from node_poc.protocol.wire import iso_time
from node_poc.storage.records import Records, StorageError
from tests.fakes.station import eventually


def going(station, user, *organizations, **changes):
    """Make a task whose run of alpha has a running container: (task id, run id)."""
    made = station.submit(user, *organizations, **changes)
    run_id = station.run_of(made)
    station.job_arrives(run_id)
    station.kubelet.starts(run_id)
    return made["task_id"], run_id


def run_at_server(user, task_id, run_id):
    return next(run for run in user.runs(task_id) if run["id"] == run_id)


def test_a_log_comes_while_the_run_goes_and_is_whole_at_the_end(station, admin):
    station.start_node()
    task_id, run_id = going(station, admin)
    station.kubelet.says(run_id, b"info > one\ninfo > two\n")
    eventually(lambda: admin.logs(task_id)[str(run_id)] == "info > one\ninfo > two\n")
    station.kubelet.says(run_id, b"info > one\ninfo > two\nhalf\0 \xff\nmore\n")
    eventually(lambda: "more" in admin.logs(task_id)[str(run_id)])
    whole = b"info > one\ninfo > two\nhalf\0 \xff\nmore\nlast"
    station.ends(run_id, result=1, log=whole)
    assert admin.wait(task_id, 90)["status"] == "completed"
    assert admin.logs(task_id)[str(run_id)] == (
        "info > one\ninfo > two\nhalf\ufffd \ufffd\nmore\nlast"
    )


def test_a_log_that_the_data_station_keeps_to_itself_does_not_go_out(station, admin):
    station.config = {"share_algorithm_logs": False}
    station.start_node()
    task_id, run_id = going(station, admin)
    station.kubelet.says(run_id, b"secret\n")
    eventually(lambda: run_at_server(admin, task_id, run_id)["status"] == "active")
    station.ends(run_id, log=b"secret\nsecret\n", exit_code=1)
    assert admin.wait(task_id, 90)["status"] == "crashed"
    log = admin.logs(task_id)[str(run_id)]
    assert log.startswith(logs.NOT_SHARED + "\n[node] ")
    assert "secret" not in log


def test_a_crash_keeps_its_log_and_says_why(station, admin):
    station.start_node()
    task_id, run_id = going(station, admin)
    station.ends(run_id, log=b"Traceback\nKeyError: 'Age'\n", exit_code=1)
    found = admin.wait(task_id, 90)
    assert found["status"] == "crashed"
    log = found["runs"][0]["log"]
    assert log.startswith("Traceback\nKeyError: 'Age'\n[node] ")
    assert found["runs"][0]["finished_at"] is not None
    eventually(lambda: station.open_runs == [])


def test_killing_a_task_ends_its_container_and_no_other(station, admin):
    station.start_node()
    task_id, run_id = going(station, admin)
    other, other_run = going(station, admin)
    assert admin.kill(task_id)["status"] == 200
    eventually(lambda: station._job(run_id) is None, "the pod of the killed run is gone")
    eventually(lambda: run_id not in station.open_runs)
    assert run_at_server(admin, task_id, run_id)["status"] == "killed by user"
    assert station._job(other_run) is not None
    station.ends(other_run, result=2)
    assert admin.wait(other, 90)["status"] == "completed"


def test_killing_all_of_a_node_tells_the_server_of_each(station, admin):
    station.start_node()
    tasks = [going(station, admin) for _ in range(3)]
    assert admin.kill_node(station.identity["id"])["status"] == 200
    for task_id, run_id in tasks:
        eventually(lambda run_id=run_id: station._job(run_id) is None)
        found = admin.wait(task_id, 90)
        assert found["status"] == "killed by user"
        assert found["runs"][0]["finished_at"] is not None
    eventually(lambda: station.open_runs == [])


def test_killing_another_node_ends_nothing_here(station, admin, world):
    station.start_node()
    task_id, run_id = going(station, admin)
    other = world.node(station.collaboration_name, "beta")["id"]
    # The server refuses a kill on an offline node, so the test makes the event.
    for payload in (
        {"node_id": other, "collaboration_id": station.collaboration},
        {"kill_list": [], "node_id": station.identity["id"]},
        {"kill_list": [], "collaboration_id": station.collaboration},
        {"collaboration_id": station.collaboration},
        {"node_id": station.identity["id"], "collaboration_id": station.collaboration + 1},
        {"kill_list": None, "collaboration_id": station.collaboration},
        {"kill_list": [{"run_id": run_id}], "collaboration_id": station.collaboration},
        [run_id],
        None,
    ):
        station.node._server._parts.events.kill(payload)
    assert station._job(run_id) is not None
    station.ends(run_id, result=1)
    assert admin.wait(task_id, 90)["status"] == "completed"


def test_a_run_that_ended_at_the_server_unheard_is_killed_here(station, admin, monkeypatch):
    """The kill event is lost: the node learns of the end from the list of open runs."""
    station.start_node()
    task_id, run_id = going(station, admin)
    monkeypatch.setattr(station.node._server._parts.events, "kill", lambda _payload: None)
    admin.kill(task_id)
    assert station._job(run_id) is not None
    station.node._server._parts.sync.read_all_soon()
    eventually(lambda: station._job(run_id) is None)
    eventually(lambda: station.open_runs == [])


def test_a_failed_sibling_ends_a_run_with_a_reason(station, admin, world):
    """The server fails runs that have not started; started runs go on; later ones get no token."""
    station.start_node()
    made = station.submit(admin, station.alpha, station.beta)
    run_id = station.run_of(made)
    station.job_arrives(run_id)
    beta_run = next(run["id"] for run in made["runs"] if run["id"] != run_id)
    station.ends(run_id, exit_code=1)
    found = admin.wait(made["task_id"], 90)
    assert found["ended"]
    beta = next(run for run in found["runs"] if run["id"] == beta_run)
    assert beta["status"] == "failed"
    assert "sibling" in beta["log"]
    ours = run_at_server(admin, made["task_id"], run_id)
    assert ours["status"] == "crashed"
    assert ours["log"].startswith("[node] ")
    eventually(lambda: station.open_runs == [])


def fails_at_beta(station, made):
    """As beta's node, report the failure of its run of a task."""
    server = station.world.server
    key = station.world.node(station.collaboration_name, "beta")["api_key"]
    rest = RestSession(f"{server.host}:{server.port}", "/api", key)
    rest.login()
    run_id = next(run["id"] for run in made["runs"] if run["organization_id"] == station.beta)
    told = {"status": "failed", "log": "no", "finished_at": iso_time(time.time())}
    rest.patch(f"run/{run_id}", told)


def test_a_run_that_no_node_took_before_its_sibling_failed_never_begins(station, admin):
    made = station.submit(admin, station.alpha, station.beta)
    fails_at_beta(station, made)
    station.start_node()
    other = station.submit(admin)
    station.job_arrives(station.run_of(other))
    ours = run_at_server(admin, made["task_id"], station.run_of(made))
    assert ours["status"] == "failed"
    assert "sibling" in ours["log"]
    assert station.jobs_created(station.run_of(made)) == 0


@pytest.mark.parametrize("state", ["queued", "started"])
def test_a_run_that_was_taken_before_its_sibling_failed_goes_on(station, admin, state):
    """A run that the server has not ended goes on, and its result counts."""
    station.settings = {"runs_in_flight": 1}
    station.start_node()
    first, first_run = going(station, admin) if state == "queued" else (None, None)
    made = station.submit(admin, station.alpha, station.beta)
    run_id = station.run_of(made)
    eventually(lambda: run_at_server(admin, made["task_id"], run_id)["started_at"])
    eventually(lambda: run_id in station.open_runs)
    fails_at_beta(station, made)
    if state == "queued":
        assert station.jobs_created(run_id) == 0
        station.ends(first_run, result=1)
        assert admin.wait(first, 90)["status"] == "completed"
    station.job_arrives(run_id)
    station.kubelet.starts(run_id)
    station.ends(run_id, result=2)
    eventually(lambda: run_at_server(admin, made["task_id"], run_id)["status"] == "completed")
    assert admin.results(made["task_id"])[0] == "2"
    eventually(lambda: station.open_runs == [])


@contextlib.contextmanager
def listening(station):
    """Record the status events that the server sends beta's node in this collaboration."""
    server, heard, greeted = station.world.server, [], []
    key = station.world.node(station.collaboration_name, "beta")["api_key"]
    rest = RestSession(f"{server.host}:{server.port}", "/api", key)
    client = socketio.Client()
    client.on("algorithm_status_change", heard.append, namespace="/tasks")
    client.on("message", greeted.append, namespace="/tasks")
    headers = {"Authorization": f"Bearer {rest.token()}"}
    client.connect(f"{server.host}:{server.port}", headers=headers, namespaces=["/tasks"])
    try:
        eventually(lambda: greeted)
        yield heard
    finally:
        client.disconnect()


def test_others_hear_of_a_kill_though_the_server_ends_the_run_first(station, admin):
    station.start_node()
    with listening(station) as heard:
        task_id, run_id = going(station, admin)
        assert admin.kill(task_id)["status"] == 200
        told = eventually(lambda: [each for each in heard if each["status"] == "killed by user"])
    assert (told[0]["run_id"], told[0]["task_id"]) == (run_id, task_id)
    assert told[0]["organization_id"] == station.alpha


def test_a_run_without_a_token_ends_at_the_server(station, admin, root, monkeypatch):
    """A sibling fails between this run's start and the request for its container's token."""
    station.start_node()
    rest = station.node._server._rest
    post = rest.post

    def as_the_server_does(path, body):
        root.kill(body["task_id"])  # a task that has ended gets no token
        return post(path, body)

    monkeypatch.setattr(rest, "post", as_the_server_does)
    made = station.submit(admin)
    assert admin.wait(made["task_id"], 90)["ended"]
    station.node._server._parts.sync.read_all_soon()
    eventually(lambda: not station.node._server._parts.sync._new_runs._on_their_way)
    assert station.jobs_created(station.run_of(made)) == 0
    assert station.open_runs == []


def test_policies_refuse_with_a_reason(station, admin):
    station.config = {"policies": {"allowed_algorithms": ["^good/"]}}
    station.start_node()
    made = station.submit(admin, image="bad/image:1")
    found = admin.wait(made["task_id"], 90)
    run = found["runs"][0]
    assert run["status"] == "not allowed"
    assert "allowed_algorithms" in run["log"]
    assert run["finished_at"] is not None
    assert station.jobs_created(run["id"]) == 0
    good = station.submit(admin, image="good/image:1")
    station.job_arrives(station.run_of(good))


def test_trouble_of_the_data_station_is_no_refusal_of_the_researcher(station, admin, monkeypatch):
    def full(*_args):
        raise StorageError("no space left on device")

    station.start_node()
    monkeypatch.setattr(Records, "write_run", full)
    made = station.submit(admin)
    found = admin.wait(made["task_id"], 90)
    assert found["status"] == "failed"
    assert "its disk" in found["runs"][0]["log"]


def test_an_image_that_does_not_exist_ends_with_vantage6s_word(station, admin):
    station.kubelet.on_pod = lambda run_id: station.kubelet.waits(
        run_id, "ErrImagePull", "not found"
    )
    station.start_node()
    made = station.submit(admin)
    found = admin.wait(made["task_id"], 90)
    assert found["status"] == "non-existing Docker image"
    assert "[node]" in found["runs"][0]["log"]
