"""Two studies at a real vantage6 server: the algorithm of one study asks for results of the other.

The server shows a container all runs of its collaboration. The proxy has the organization's key, so
the proxy alone decides which results an algorithm can read.
"""

import base64
import json

import pytest
import requests

from tests.fakes.proxied_station import INPUT, Algorithm, ProxiedStation

pytestmark = pytest.mark.timeout(240)  # the first use installs vantage6

SECRET = b'{"another": "study\'s result"}'
ELSEWHERE = b'{"another": "collaboration\'s result"}'
OWN = b'{"my own": "job\'s result"}'


def finished_run(station, task_id, result, name="alpha"):
    run = station.open_run(name, task_id)
    station.finish(name, run, result)
    return run["id"]


@pytest.fixture(scope="module")
def theirs(station):
    """Return another study's task and its run; our organization's key opens the run's result."""
    task_id = station.submit("alpha")["task_id"]
    return task_id, finished_run(station, task_id, SECRET)


@pytest.fixture(scope="module")
def mine(station):
    """Return our task: (its number, its container's token)."""
    task_id = station.submit("alpha", "beta")["task_id"]
    return task_id, station.container_token(task_id)


def ask(station, token, path, *, directly=False):
    base = station.world.server.url if directly else station.proxy.url
    return requests.get(f"{base}/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30)


def test_the_results_of_another_study_stay_closed(station, mine, theirs):
    _, token = mine
    task_id, run_id = theirs
    for path in (
        f"result?task_id={task_id}",
        f"result?task_id={task_id}&page=1",
        f"result/{run_id}",
    ):
        got = ask(station, token, path)
        assert got.status_code == 403, (path, got.text)
        assert f"task {task_id} belongs to another job" in got.json()["msg"]
        # The control: the server itself shows the result to this token.
        shown = ask(station, token, path, directly=True)
        assert shown.status_code == 200
        run = shown.json()["data"][0] if "data" in shown.json() else shown.json()
        assert station.cryptor("alpha").decrypt(run["result"]) == SECRET


@pytest.mark.parametrize(
    "query",
    [
        "result",
        "result?job_id={own}",
        "result?task_id={own}&task_id={theirs}",
        "result?task%5Fid={theirs}&task_id={own}",
        "result?include=task&per_page=100",
    ],
)
def test_no_list_without_its_one_task(station, mine, theirs, query):
    got = ask(station, mine[1], query.format(own=mine[0], theirs=theirs[0]))
    assert got.status_code == 400
    assert "task_id" in got.json()["msg"]


def test_what_else_shows_results_shows_none_that_can_be_read(station, mine, theirs):
    secret = base64.b64encode(SECRET).decode()
    for path in (f"task/{theirs[0]}", "task"):
        for query in ("include=results", "include=runs,results", "include=runs&includ%65=results"):
            got = ask(station, mine[1], f"{path}?{query}&per_page=100")
            assert got.status_code == 403
            assert secret not in got.text
    for path in (f"run/{theirs[1]}", f"run?task_id={theirs[0]}", "run?include=task"):
        got = ask(station, mine[1], path)
        assert got.status_code == 200
        assert secret not in got.text


@pytest.fixture
def elsewhere(station):
    """Return the task of a finished run in the organization's collaboration without encryption."""
    other = ProxiedStation(station.world, "plain")
    task_id = other.submit("alpha")["task_id"]
    finished_run(other, task_id, ELSEWHERE)
    yield task_id
    other.user.close()


def test_another_collaboration_without_encryption_stays_closed(station, mine, elsewhere):
    """The server lists tasks of all the organization's collaborations for an algorithm."""
    shown = ask(station, mine[1], "task?include=results&per_page=100", directly=True)
    assert base64.b64encode(ELSEWHERE).decode() in shown.text  # the control
    paths = [f"task{each}?include=results" for each in ("", f"/{elsewhere}")]
    paths += ["run?per_page=100", f"run?task_id={elsewhere}", f"result?task_id={elsewhere}"]
    for path in paths:
        got = ask(station, mine[1], path)
        assert base64.b64encode(ELSEWHERE).decode() not in got.text, path


def test_the_whole_own_job_is_open_to_parent_and_subtask(station, mine):
    """A central function, its subtask's algorithm and vantage6's client need these results."""
    task_id, token = mine
    algorithm = Algorithm(station, token)
    try:
        names = ("alpha", "beta")
        organizations = [station.world.organization(name) for name in names]
        subtask = algorithm("create", INPUT, organizations)["id"]
        runs = {name: station.open_run(name, subtask)["id"] for name in names}
        inner = Algorithm(station, station.container_token(subtask))
        for name in names:
            finished_run(station, subtask, OWN, name)
        assert algorithm("wait", subtask) == [json.loads(OWN)] * 2
        assert algorithm("result", runs["beta"]) == json.loads(OWN)
        try:  # the subtask's own algorithm: results of its siblings and of its parent
            assert inner("result", runs["alpha"]) == json.loads(OWN)
            parents = finished_run(station, task_id, OWN)
            assert inner("result", parents) == json.loads(OWN)
            got = ask(station, token, f"result?task_id={task_id}")
            assert [run["id"] for run in got.json()["data"] if run["result"]] == [parents]
        finally:
            inner.close()
    finally:
        algorithm.close()


def test_a_token_that_the_server_did_not_make_opens_nothing(station, mine):
    """The claims could name any task, so the proxy asks the server whether they are true."""
    head, claims, _ = mine[1].split(".")
    got = ask(station, f"{head}.{claims}.Zm9yZ2Vk", f"result?task_id={mine[0]}")
    assert got.status_code in {401, 422}


def test_version_needs_no_token(station):
    assert requests.get(f"{station.proxy.url}/version", timeout=30).json()["version"]
    assert requests.get(f"{station.proxy.url}/health", timeout=30).status_code == 200
