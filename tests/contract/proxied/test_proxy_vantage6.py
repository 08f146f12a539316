"""The proxy between a real vantage6 server and vantage6's own algorithm client.

The test plays the nodes: it logs in with their API keys, and reads and writes payloads with the
project's own code. So that code is tested against vantage6's client, server and algorithm client.
"""

import json

import pytest
import requests

from node_poc.crypto.keys import KeyMatch, compare_public_key
from node_poc.storage.private_key import read_private_key
from tests.fakes.proxied_station import IMAGE, INPUT, Algorithm, ProxiedStation

pytestmark = pytest.mark.timeout(240)  # the first use installs vantage6


@pytest.fixture(scope="module")
def central(station):
    """A user's task whose container calls the proxy; return (task, its run, the algorithm)."""
    made = station.submit("alpha")
    run = station.open_run("alpha", made["task_id"])
    algorithm = Algorithm(station, station.container_token(made["task_id"]))
    yield made["task_id"], run, algorithm
    algorithm.close()


def test_the_key_that_vantage6_uploaded_is_the_one_we_have(station):
    if not station.encrypted:
        return
    key = read_private_key(station.world.private_key("alpha"))
    assert compare_public_key(key, station.public_key("alpha")) is KeyMatch.SAME
    assert compare_public_key(key, station.public_key("beta")) is KeyMatch.DIFFERENT


def test_we_read_the_users_input_and_the_user_reads_our_result(station):
    made = station.submit("alpha", "beta")
    for name in ("alpha", "beta"):
        run = station.open_run(name, made["task_id"])
        assert json.loads(station.cryptor(name).decrypt(run["input"])) == INPUT
        assert ("$" in run["input"]) is station.encrypted
        station.finish(name, run, json.dumps({"from": name, "sum": 1.5}).encode())
    assert station.user.wait(made["task_id"])["status"] == "completed"
    results = [json.loads(result) for result in station.user.results(made["task_id"])]
    assert sorted(result["from"] for result in results) == ["alpha", "beta"]
    assert {result["sum"] for result in results} == {1.5}


def test_a_central_function_makes_subtasks_and_reads_their_results(station, central):
    _, _, algorithm = central
    organizations = [station.world.organization(name) for name in ("alpha", "beta")]
    subtask = algorithm("create", INPUT, organizations)
    assert "id" in subtask, subtask
    for name in ("alpha", "beta"):
        run = station.open_run(name, subtask["id"])
        # the node reads input that vantage6's algorithm client sent through the proxy
        assert json.loads(station.cryptor(name).decrypt(run["input"])) == INPUT
        assert ("$" in run["input"]) is station.encrypted
        big = json.dumps({"from": name, "many": "y" * 2_000_000}).encode()
        station.finish(name, run, big)
        got = algorithm("result", run["id"])
        assert got["from"] == name
        assert len(got["many"]) == 2_000_000
    results = algorithm("wait", subtask["id"])
    assert sorted(result["from"] for result in results) == ["alpha", "beta"]
    assert len(algorithm("runs", subtask["id"])) == 2


def test_one_subtask_after_the_other(station, central):
    _, _, algorithm = central
    for number in range(3):
        subtask = algorithm(
            "create",
            {"method": "m", "kwargs": {"n": number}},
            [station.world.organization("alpha")],
        )
        run = station.open_run("alpha", subtask["id"])
        station.finish("alpha", run, json.dumps(number).encode())
        assert algorithm("wait", subtask["id"]) == [number]


def test_what_else_an_algorithm_asks_for(station, central):
    task_id, run, algorithm = central
    assert algorithm("task", task_id)["image"] == IMAGE
    names = {organization["name"] for organization in algorithm("organizations")}
    assert names == {"alpha", "beta"}
    assert algorithm("collaboration")["encrypted"] is station.encrypted
    assert algorithm("request", f"run/{run['id']}")["id"] == run["id"]
    assert algorithm("request", f"task/{task_id}/status")["status"] == "pending"
    assert algorithm("request", "blobstream/status") == {"blob_store_enabled": False}


def test_the_servers_refusals_arrive_as_they_are(station, central):
    task_id, _, _ = central
    token = station.container_token(task_id)
    proxied = {"Authorization": f"Bearer {token}"}
    for path in (
        "run/99999",
        "task/99999",
        "user",
        "organization/99999",
        "result/99999",
        "nothing",
    ):
        through = requests.get(f"{station.proxy.url}/{path}", headers=proxied, timeout=30)
        direct = requests.get(f"{station.world.server.url}/{path}", headers=proxied, timeout=30)
        assert (through.status_code, through.text) == (direct.status_code, direct.text)
        assert through.status_code >= 400


def test_another_collaborations_data_stays_there(station, central):
    other = "encrypted" if station.collaboration == "plain" else "plain"
    stranger = ProxiedStation(station.world, other)
    made = stranger.submit("alpha")
    run = stranger.open_run("alpha", made["task_id"])
    stranger.finish("alpha", run, b"{}")
    stranger.user.close()
    token = station.container_token(central[0])
    for path in (f"task/{made['task_id']}", f"run/{run['id']}", f"result/{run['id']}"):
        got = requests.get(
            f"{station.proxy.url}/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=10
        )
        assert got.status_code in {401, 403, 404}, (path, got.text)


def test_a_forged_token_is_refused_by_the_server(station, central):
    head, body, _ = station.container_token(central[0]).split(".")
    headers = {"Authorization": f"Bearer {head}.{body}.Zm9yZ2Vk"}
    got = requests.get(f"{station.proxy.url}/task/{central[0]}", headers=headers, timeout=30)
    assert got.status_code in {401, 422}


def test_a_subtask_with_another_image_is_refused_by_the_server(station, central):
    headers = {"Authorization": f"Bearer {station.container_token(central[0])}"}
    task = {
        "name": "n",
        "image": "another/image",
        "collaboration_id": station.world.collaboration(station.collaboration),
        "description": "",
        "organizations": [{"id": station.world.organization("beta"), "input": "e30="}],
        "databases": [],
    }
    got = requests.post(f"{station.proxy.url}/task", json=task, headers=headers, timeout=30)
    assert got.status_code == 401
    assert "Container-token is not valid" in got.json()["msg"]


def outsider(world):
    """Return an organization of the server that is in none of these collaborations."""
    root = world.root_client()
    try:
        made = root.request("POST", "organization", {"name": "outsider"})
        if made["status"] == 201:
            return made["body"]["id"]
        found = root.request("GET", "organization", params={"name": "outsider"})
        return found["body"]["data"][0]["id"]
    finally:
        root.close()


def subtask(station, token, ids):
    """Return the proxy's answer to a subtask for organizations with these ids."""
    task = {
        "name": "for strangers",
        "image": IMAGE,
        "collaboration_id": station.world.collaboration(station.collaboration),
        "description": "",
        "organizations": [{"id": number, "input": "e30="} for number in ids],
        "databases": [],
    }
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{station.proxy.url}/task", json=task, headers=headers, timeout=30)


def subtasks(station, task_id):
    found = station.as_node("alpha", "GET", f"task?parent_id={task_id}&per_page=1000")
    return {task["id"] for task in found["data"]}


def test_no_subtask_reaches_an_organization_outside_the_collaboration(station):
    """A subtask that also names organizations inside is refused too: all runs are made or none."""
    parent = station.submit("alpha")["task_id"]
    token = station.container_token(parent)
    stranger, beta = outsider(station.world), station.world.organization("beta")
    for ids in ([stranger], [beta, stranger], [stranger, beta], [99999], [beta, 99999], [2**31]):
        got = subtask(station, token, ids)
        assert 400 <= got.status_code < 500, (ids, got.text)
        assert "msg" in got.json()
    assert subtasks(station, parent) == set()
    made = subtask(station, token, [beta])  # the control
    assert subtasks(station, parent) == {made.json()["id"]}


@pytest.mark.parametrize(
    "ids",
    [[-1], [0], [2**31], [2**63], [10**300], ["1"], ["1 OR 1=1"], [None], [1.5], [True], [[]]],
)
def test_ids_that_are_none_make_no_subtask_and_break_nothing(station, central, ids):
    parent, _, _ = central
    before = subtasks(station, parent)
    got = subtask(station, station.container_token(parent), ids)
    # Without encryption the server itself gets the request, and fails at some ids.
    assert 400 <= got.status_code < (500 if station.encrypted else 501), got.text
    assert subtasks(station, parent) == before
    assert station.as_node("alpha", "GET", f"task/{parent}")["id"] == parent


def test_an_organization_that_is_named_twice_gets_what_the_server_makes_of_it(station):
    """With or without encryption, the proxy neither adds nor removes a run."""
    parent = station.submit("alpha")["task_id"]
    beta = station.world.organization("beta")
    got = subtask(station, station.container_token(parent), [beta, beta])
    runs = station.as_node("beta", "GET", "run?per_page=1000&include=task")["data"]
    ours = [run for run in runs if run["task"]["parent"] and run["task"]["parent"]["id"] == parent]
    assert len(ours) == (0 if got.status_code >= 400 else 2)
    assert {run["organization"]["id"] for run in ours} <= {beta}


def test_a_task_without_organizations_is_refused(station, central):
    headers = {"Authorization": f"Bearer {station.container_token(central[0])}"}
    for task in ({}, {"organizations": []}):
        got = requests.post(f"{station.proxy.url}/task", json=task, headers=headers, timeout=30)
        assert got.status_code == 400
