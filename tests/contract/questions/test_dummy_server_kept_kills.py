"""Kills of commands that the dummy server keeps for a node that is away."""

import time

import pytest
from emitter_client import EventKind
from live_dummy_server import eventually, kinds, refuse

KILLED = "killed by user"


def test_a_kept_command_is_killed_at_the_server(scene):
    poster, killer = scene.client(), scene.client()
    poster.post({"run_id": 7})
    poster.post({"run_id": 8})
    assert killer.request("kill_request", {"run_ids": [7, 7]}) == {
        "outcomes": [{"run_id": 7, "outcome": "killed", "status": KILLED}]
    }
    result = poster.wait(7, 40)
    assert (result["status"], result["exit_code"], result["output"]) == (KILLED, None, [])
    assert [event["status"] for event in kinds(poster, EventKind.STATUS)] == [KILLED]
    assert len(kinds(poster, EventKind.RESULT)) == 1
    assert killer.seen == []
    node = scene.node()
    eventually(lambda: node.commands)
    time.sleep(0.2)
    assert node.commands == [{"run_id": 8}]


def test_all_kept_commands_are_killed_at_the_server(scene):
    posters = [scene.client(), scene.client()]
    for number, poster in enumerate(posters, start=1):
        poster.post({"run_id": number})
        poster.post({"run_id": 3})
    posters[0].post("no object")
    answer = posters[0].request("kill_request", {"all": True})
    outcomes = [(one["run_id"], one["outcome"], one["status"]) for one in answer["outcomes"]]
    assert outcomes == [(run_id, "killed", KILLED) for run_id in (1, 3, 2, None)]
    for number, poster in enumerate(posters, start=1):
        assert poster.wait(number, 40)["status"] == KILLED
        assert poster.wait(3, 40)["status"] == KILLED
        assert len(kinds(poster, EventKind.RESULT)) == 2
    eventually(
        lambda: kinds(posters[0], EventKind.REJECTED) == [{"run_id": None, "reason": KILLED}]
    )
    node = scene.node()
    time.sleep(0.3)
    assert node.commands == []
    late = scene.client()
    assert late.watch(1)["status"]["status"] == KILLED
    assert late.wait(1, 40)["status"] == KILLED


def test_what_a_node_had_is_not_killed_behind_its_back(scene):
    node, client = scene.node(), scene.client()
    client.post({"run_id": 7})
    node.leave()
    eventually(lambda: client.post({"run_id": 7})["state"] == "kept")
    client.post({"run_id": 8})
    for question in ({"run_ids": [7]}, {"run_ids": [9, 7]}):
        answer = client.request("kill_request", question)
        assert "no node is connected" in answer["error"]
    answer = client.request("kill_request", {"run_ids": [7, 8, 9]})
    outcomes = {one["run_id"]: one for one in answer["outcomes"]}
    assert [outcomes[number]["outcome"] for number in (7, 8, 9)] == ["unknown", "killed", "unknown"]
    assert "a node had it" in outcomes[7]["reason"]
    assert "keeps no such command" in outcomes[9]["reason"]
    assert "no node" in client.request("kill_request", {"all": True})["error"]
    second = scene.node()
    eventually(lambda: second.commands)
    time.sleep(0.2)
    assert [command["run_id"] for command in second.commands if command["run_id"] != 7] == []


def test_what_was_in_flight_when_the_node_died_is_not_killed_either(scene):
    node, client = scene.node(answer=lambda payload: None), scene.client()
    future = client.submit({"run_id": 7})
    eventually(lambda: node.commands)
    node.leave()
    assert future.result(20)["state"] == "kept"
    assert "no node" in client.request("kill_request", {"run_ids": [7]})["error"]


def test_a_run_that_ended_is_told_so_without_a_node(scene):
    node, client = scene.node(), scene.client()
    client.post({"run_id": 7})
    node.report("run_result", run_id=7, status="completed")
    node.leave()
    eventually(lambda: "disconnected" in scene.server.log)
    assert client.request("kill_request", {"run_ids": [7]}) == {
        "outcomes": [{"run_id": 7, "outcome": "already ended", "status": "completed"}]
    }


def test_a_killed_command_can_be_posted_and_killed_again(scene):
    client = scene.client()
    for _ in range(2):
        assert client.post({"run_id": 7})["state"] == "kept"
        answer = client.request("kill_request", {"run_ids": [7]})
        assert answer["outcomes"][0]["outcome"] == "killed"
    client.post({"run_id": 7})
    node = scene.node()
    eventually(lambda: node.commands == [{"run_id": 7}])


def test_a_refused_command_that_is_posted_again_can_be_killed(scene):
    node, client = scene.node(answer=refuse), scene.client()
    client.post({"run_id": 7})
    node.leave()
    eventually(lambda: client.post({"run_id": 7})["state"] == "kept")
    answer = client.request("kill_request", {"run_ids": [7]})
    assert answer["outcomes"][0]["outcome"] == "killed"


BAD_KILLS = [
    {},
    {"run_ids": []},
    {"run_ids": 7},
    {"run_ids": ["7"]},
    {"run_ids": [True]},
    {"run_ids": [[]]},
    {"all": False},
    {"all": "yes"},
    {"all": True, "run_ids": [7]},
]


def test_malformed_kills_kill_nothing_without_a_node(scene):
    client = scene.client()
    client.post({"run_id": 7})
    for bad in BAD_KILLS:
        answer = client.request("kill_request", bad)
        assert list(answer) == ["error"]
        assert "run_ids" in answer["error"]
    node = scene.node()
    eventually(lambda: node.commands == [{"run_id": 7}])


@pytest.mark.timeout(240)
def test_ten_thousand_kept_commands_are_killed_quickly(scene):
    client = scene.client()
    for future in [client.submit({"run_id": number}) for number in range(10_000)]:
        future.result(100)
    answer = client.request("kill_request", {"all": True}, timeout_s=30)
    assert len(answer["outcomes"]) == 10_000
    assert client.wait(9_999, 40)["status"] == KILLED
