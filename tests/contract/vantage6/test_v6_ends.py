"""How runs end at a real server: crashes, kills, refusals, siblings; and what their logs say."""

from node_poc.protocol import vantage6_logs
from tests.fakes.station import eventually


def going(station, user, *organizations, **changes):
    """A task whose run of alpha has a container that runs: (task id, run id)."""
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
    assert log.startswith(vantage6_logs.NOT_SHARED + "\n[node] ")
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
    # The server refuses to kill on a node that is away, so the event is made here.
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
        station.node._server._kill(payload)
    assert station._job(run_id) is not None
    station.ends(run_id, result=1)
    assert admin.wait(task_id, 90)["status"] == "completed"


def test_a_run_that_ended_at_the_server_unheard_is_killed_here(station, admin, monkeypatch):
    """The event is lost: the list of open runs tells."""
    station.start_node()
    task_id, run_id = going(station, admin)
    monkeypatch.setattr(station.node._server, "_kill", lambda _payload: None)
    admin.kill(task_id)
    assert station._job(run_id) is not None
    station.node._server._parts.sync.ask_all()
    eventually(lambda: station._job(run_id) is None)
    eventually(lambda: station.open_runs == [])


def test_a_failed_sibling_ends_a_run_with_a_reason(station, admin, world):
    """The server fails what has not started; what has, goes on; what comes later gets no token."""
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
    eventually(lambda: station.open_runs == [])


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
    station.node._server._parts.sync.ask_all()
    eventually(lambda: not station.node._server._parts.sync._taking)
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


def test_an_image_that_does_not_exist_ends_with_vantage6s_word(station, admin):
    station.kubelet.on_pod = lambda run_id: station.kubelet.waits(
        run_id, "ErrImagePull", "not found"
    )
    station.start_node()
    made = station.submit(admin)
    found = admin.wait(made["task_id"], 90)
    assert found["status"] == "non-existing Docker image"
    assert "[node]" in found["runs"][0]["log"]
