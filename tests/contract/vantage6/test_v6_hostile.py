"""Runs and messages that break the rules: no other run or message is affected."""

import base64
import os
import threading

import pytest

from tests.fakes.vantage6_station import IMAGE
from tests.unit.crypto.conftest import VECTORS

EVENTS = [
    ("new_task", (None,)),
    ("new_task", ()),
    ("new_task", ({"id": "1"}, 2)),
    ("new_task", ({"id": -(10**30)},)),
    ("new_task", ({"id": True, "parent_id": []},)),
    ("new_task", ([[[]]],)),
    ("kill_containers", ({"kill_list": {"a": 1}},)),
    ("kill_containers", ("all",)),
    ("sync", ({"x": 1}, "y")),
    ("algorithm_status_change", ("active",)),
    ("algorithm_status_change", ({"status": {}},)),
    ("status_update", ()),
    ("algorithm_log", ({"log": "x" * 1_000_000},)),
    ("node-online", (5,)),
    ("message", ({"deep": [[[[]]]]},)),
    ("nobody knows this one", ({},)),
]


def works(station, user):
    """Assert that the node still takes a run and delivers its result."""
    made = station.submit(user)
    run_id = station.run_of(made)
    station.job_arrives(run_id)
    station.ends(run_id, result=1)
    assert user.wait(made["task_id"], 90)["status"] == "completed"


def test_absurd_events_stop_nothing(station, admin):
    station.start_node()
    client = station.node._server._parts.connection._client
    for event, args in EVENTS:
        client._trigger_event(event, "/tasks", *args)
    works(station, admin)


def without(run, path):
    *parents, last = path
    for name in parents:
        run = run[name]
    run.pop(last)


BROKEN = {
    "no image": lambda run: without(run, ("task", "image")),
    "no task": lambda run: without(run, ("task",)),
    "input is a number": lambda run: run.update(input=5),
    "no job": lambda run: without(run, ("task", "job_id")),
    "image is no name": lambda run: run["task"].update(image="../../etc/passwd"),
    "databases are text": lambda run: run["task"].update(databases="default"),
    "parameters are no JSON": lambda run: run["task"].update(
        databases=[{"label": "default", "parameters": "{"}]
    ),
    "a database nobody has": lambda run: run["task"].update(databases=[{"label": "nope"}]),
    "input is no base64": lambda run: run.update(input="§§§"),
    "input is a blob's name": lambda run: run.update(blob_storage_used=True),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_run_ends_alone_and_with_a_reason(shared, admin, broken, monkeypatch):
    """The test changes the server's description of a run on its way to the node."""
    rest = shared.node._server._rest
    get, bad, posted = rest.get, set(), threading.Event()

    def changed(path, **params):
        answer = get(path, **params)
        if path == "run":
            posted.wait(60)  # the node's look once a minute may come between the two posts
            for run in answer["data"]:
                run["surplus"] = {"of": "fields"}
                if run["id"] in bad:
                    BROKEN[broken](run)
        return answer

    monkeypatch.setattr(rest, "get", changed)
    monkeypatch.setattr(shared.node._server._parts.sync, "read_task_soon", lambda _task_id: None)
    bad_task, good_task = shared.submit(admin), shared.submit(admin)
    bad.add(shared.run_of(bad_task))
    posted.set()
    shared.node._server._parts.sync.read_all_soon()
    found = admin.wait(bad_task["task_id"], 90)
    run = found["runs"][0]
    assert run["status"] in {"failed", "non-existing Docker image"}
    assert run["log"].startswith("[node] ")
    assert run["finished_at"] is not None
    assert shared.jobs_created(run["id"]) == 0
    good = shared.run_of(good_task)
    shared.job_arrives(good)
    shared.ends(good, result=1)
    assert admin.wait(good_task["task_id"], 90)["status"] == "completed"


@pytest.fixture(scope="module")
def shared(world, root, tmp_path_factory):
    """A station with a running node for many short tests."""
    from kubernetes.config import kube_config

    from tests.fakes.vantage6_station import V6Station

    with pytest.MonkeyPatch.context() as monkeypatch:
        made = V6Station(tmp_path_factory.mktemp("station"), world, root, encrypted=False)
        config_file = str(made.kubeconfig)
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", config_file)
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        made.start_node()
        yield made
        made.close()


NOISE = base64.b64encode(os.urandom(600)).decode()
NO_VECTOR = base64.b64encode(bytes(16)).decode()
# The server's answers to the post: with some keys the server itself fails.
UNREADABLE = {
    "noise": (NOISE, 201),
    "for another key": (VECTORS["for_another"], 201),
    "a key of 513 bytes": (f"{NOISE[:684]}${NO_VECTOR}${NOISE}", 201),
    "a short key": (f"{NOISE[:680]}${NO_VECTOR}${NOISE}", 201),
    "cut": (f"{NOISE[:683]}$AAAA${NOISE}", 500),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_input_that_cannot_be_read_ends_its_run_only(make_station, keyholder, kind):
    station = make_station(encrypted=True)
    station.start_node()
    text, answered = UNREADABLE[kind]
    task = {
        "name": "bad",
        "image": IMAGE,
        "description": "",
        "collaboration_id": station.collaboration,
        "organizations": [{"id": station.alpha, "input": text}],
        "databases": [],
    }
    made = keyholder.request("POST", "task", task)
    assert made["status"] == answered
    if answered == 201:
        found = keyholder.wait(made["body"]["id"], 90)
        assert found["status"] == "failed"
        assert "The input cannot be read" in found["runs"][0]["log"]
    works(station, keyholder)
