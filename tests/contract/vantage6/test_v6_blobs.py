"""A server with a blob store for inputs and results: real server and client, as elsewhere."""

import json

import pytest

from devserver import DevServer, Options, provision
from node_poc.protocol.vantage6.errors import UnreachableError
from node_poc.protocol.vantage6.incoming import prepare
from node_poc.protocol.vantage6.rest.bodies import RunPatch
from node_poc.protocol.vantage6.rest.session import RestSession
from tests.fakes.blob_store import BlobStore
from tests.fakes.station import eventually

INPUT = b'{"method": "average", "args": [], "kwargs": {}}'


@pytest.fixture(scope="module")
def store():
    made = BlobStore()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory, store):
    """Replace the session's server for the fixtures that make users and stations."""
    folder = tmp_path_factory.mktemp("vantage6-blobs")
    server = DevServer(folder, options=Options(blob_store=store.settings))
    server.start()
    yield provision(server)
    server.stop()


@pytest.fixture(scope="module")
def root(world):
    client = world.root_client()
    yield client
    client.close()


@pytest.fixture(params=["plain", "encrypted"], scope="module")
def user(request, world):
    client = world.client("admin", encrypted=request.param == "encrypted")
    client.encrypted = request.param == "encrypted"
    yield client
    client.close()


@pytest.fixture
def station(make_station, user):
    made = make_station(encrypted=user.encrypted)
    made.start_node()
    return made


def going(station, user, **changes):
    made = station.submit(user, **changes)
    run_id = station.run_of(made)
    station.job_arrives(run_id)
    station.kubelet.starts(run_id)
    return made["task_id"], run_id


def at_server(user, task_id, what="run"):
    (run,) = user.request("GET", what, params={"task_id": task_id})["body"]["data"]
    return run


def test_input_and_result_go_through_the_store(station, user, store):
    task_id, run_id = going(station, user)
    assert (station.task_dir / f"{run_id}/input").read_bytes() == INPUT
    station.ends(run_id, result={"average": 42})
    assert user.wait(task_id, 90)["status"] == "completed"
    assert user.results(task_id) == ['{"average": 42}']
    eventually(lambda: station.open_runs == [])
    assert at_server(user, task_id)["input"] in store.blobs
    result = at_server(user, task_id, "result")
    assert result["blob_storage_used"]
    is_readable = store.blobs[result["result"]].startswith(b"eyJhdmVyYWdlIjog")
    assert is_readable is not user.encrypted


def test_large_ones_come_whole(station, user):
    text = "".join(f"{number:06d}" for number in range(2_000_000))
    task_id, run_id = going(station, user, input_={"method": "m", "kwargs": {"text": text}})
    given = json.loads((station.task_dir / f"{run_id}/input").read_bytes())
    assert given["kwargs"]["text"] == text
    station.ends(run_id, result=text)
    assert user.wait(task_id, 90)["status"] == "completed"
    assert json.loads(user.results(task_id)[0]) == text


@pytest.fixture
def away(store, monkeypatch):
    """Return a function for taking the store away until ``comes_back`` is called."""

    def send_away():
        store.turned_away = 0
        monkeypatch.setattr(store, "is_away", True)

    return send_away


def comes_back(store):
    eventually(lambda: store.turned_away >= 2, "the store was asked in vain")
    store.is_away = False


def test_the_nodes_next_start_knows_where_a_result_belongs(station, user, store):
    task_id, run_id = going(station, user)
    station.stop_node()
    station.start_node()
    station.ends(run_id, result="after")
    assert user.wait(task_id, 90)["status"] == "completed"
    assert user.results(task_id) == ['"after"']
    assert at_server(user, task_id, "result")["result"] in store.blobs


def test_a_result_waits_for_a_store_that_is_away(station, user, store, away):
    task_id, run_id = going(station, user)
    before = set(store.blobs)
    away()
    station.ends(run_id, result=1)
    comes_back(store)
    assert user.wait(task_id, 90)["status"] == "completed"
    assert user.results(task_id) == ["1"]
    assert len(set(store.blobs) - before) == 1


def test_a_run_waits_for_a_store_that_is_away(station, user, store, away):
    station.stop_node()
    made = station.submit(user)
    away()
    station.start_node()
    comes_back(store)
    station.job_arrives(station.run_of(made))


def test_a_result_is_stored_once_when_the_server_fails_afterwards(
    station, user, store, monkeypatch
):
    task_id, run_id = going(station, user)
    before, tries = set(store.blobs), []
    patch = RestSession.patch

    def fails_first(rest, path, body):
        if isinstance(body, RunPatch):
            tries.append(path)
            if len(tries) < 3:
                raise UnreachableError("the server is away")
        return patch(rest, path, body)

    monkeypatch.setattr(RestSession, "patch", fails_first)
    station.ends(run_id, result=1)
    assert user.wait(task_id, 90)["status"] == "completed"
    assert user.results(task_id) == ["1"]
    assert len(tries) == 3
    assert len(set(store.blobs) - before) == 1


def test_a_store_that_is_gone_ends_a_run_with_the_reason(station, user, store):
    task_id, run_id = going(station, user)
    server = station.world.server
    try:
        server.restart(Options())
        station.ends(run_id, result=1, log=b"said\n")
        user.login()
        found = user.wait(task_id, 90)
    finally:
        server.restart(Options(blob_store=store.settings))
        user.login()
    assert found["status"] == "failed"
    log = found["runs"][0]["log"]
    assert log.startswith("said\n[node] The server did not take the result of 1 bytes")
    assert "501" in log
    eventually(lambda: station.open_runs == [])


def ended(user, task_id):
    found = user.wait(task_id, 90)
    return found["status"], found["runs"][0]["log"]


def test_an_input_that_is_too_large_is_refused(station, user, monkeypatch):
    monkeypatch.setattr(prepare, "MAX_BYTES", 5 << 20)
    made = station.submit(user, input_={"method": "m", "kwargs": {"text": "x" * 6_000_000}})
    status, log = ended(user, made["task_id"])
    assert status == "failed"
    assert "The input cannot be read: it is larger than 5 MiB." in log


@pytest.mark.parametrize(
    "harm", [lambda blob: blob[: len(blob) // 2], lambda _: b"", lambda _: b"?"]
)
def test_an_input_that_was_harmed_ends_its_run_alone(station, user, store, harm):
    station.stop_node()
    made = station.submit(user)
    name = at_server(user, made["task_id"])["input"]
    store.blobs[name] = harm(store.blobs[name])
    other = station.submit(user)
    station.start_node()
    status, log = ended(user, made["task_id"])
    assert status == "failed"
    assert "The input cannot be read: " in log
    station.job_arrives(station.run_of(other))
