"""Questions to the node through the dummy server: a real process, real Socket.IO clients."""

import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# the scripts stand alone, so they and their tests' helpers are found by path
for folder in (ROOT / "dummy_socketio_server", ROOT / "tests/unit/dummy_socketio_server"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from emitter_client import EventKind, ServerUnreachableError  # noqa: E402
from live_dummy_server import Scene, eventually, kinds, refuse  # noqa: E402

QUESTIONS = {
    "list": {},
    "status": {"run_id": 7},
    "log": {"run_id": 7, "offset": 0},
    "kill": {"run_ids": [7]},
    "result": {"run_id": 7},
    "output": {"run_id": 7, "path": "avg.txt", "offset": 0},
}
KILLED = "killed by user"


@pytest.fixture
def scene():
    with Scene() as running:
        yield running


@pytest.fixture
def impatient():
    with Scene(answer_timeout=0.5) as running:
        yield running


@pytest.mark.parametrize("event", QUESTIONS)
def test_a_question_reaches_the_node_and_its_answer_comes_back_as_it_is(scene, event):
    answers = {event: lambda payload: {"echo": payload, "deep": [None, 1.5, {"x": "\x00é"}]}}
    node, client = scene.node(answers=answers), scene.client()
    payload = {**QUESTIONS[event], "extra": "secret-text"}
    answer = client.request(f"{event}_request", payload)
    assert answer == {"echo": payload, "deep": [None, 1.5, {"x": "\x00é"}]}
    assert node.asked == [(event, payload)]
    eventually(lambda: f"{event}_request run" in scene.server.log)
    assert "secret" not in scene.server.log


@pytest.mark.parametrize("event", QUESTIONS)
def test_without_a_node_the_error_says_what_to_do(scene, event):
    answer = scene.client().request(f"{event}_request", QUESTIONS[event])
    assert list(answer) == ["error"]
    assert "no node is connected" in answer["error"]
    assert "start the node" in answer["error"]


@pytest.mark.parametrize("node_there", [True, False])
@pytest.mark.parametrize("event", QUESTIONS)
def test_a_payload_that_is_no_object_is_refused_by_the_server(scene, event, node_there):
    node = scene.node(answers={event: lambda payload: {}}) if node_there else None
    client = scene.client()
    for bad in (None, 5, "7", [1], True, b"x"):
        answer = client.request(f"{event}_request", bad)
        assert list(answer) == ["error"]
        assert "must be an object" in answer["error"]
    assert node is None or node.asked == []


def test_a_silent_node(impatient):
    impatient.node(answers={"list": lambda payload: None})
    answer = impatient.client().request("list_request", {})
    assert list(answer) == ["error"]
    assert "did not answer within 0.5 s" in answer["error"]
    assert "ask again" in answer["error"]


@pytest.mark.parametrize("answer", ["text", 5, [1], (1, 2)])
def test_a_node_whose_answer_is_no_object(scene, answer):
    scene.node(answers={"list": lambda payload: answer})
    got = scene.client().request("list_request", {})
    assert list(got) == ["error"]
    assert "not an object" in got["error"]


def test_a_node_that_does_not_know_the_question(scene):
    scene.node()
    assert "update the node" in scene.client().request("list_request", {})["error"]


def test_a_node_that_goes_away_ends_the_waiting_at_once(scene):
    node = scene.node(answers={"list": lambda payload: None})
    answers = []

    def ask_with(client):
        answers.append(client.request("list_request", {}))

    ask = [threading.Thread(target=ask_with, args=(scene.client(),)) for _ in range(2)]
    for thread in ask:
        thread.start()
    eventually(lambda: len(node.asked) == 2)
    begin = time.monotonic()
    node.leave()
    for thread in ask:
        thread.join(10)
    assert time.monotonic() - begin < 15  # an answer may take 30 s
    assert [("went away" in answer["error"], list(answer)) for answer in answers] == [
        (True, ["error"]),
        (True, ["error"]),
    ]


def test_only_the_active_node_is_asked(scene):
    first = scene.node(answers={"list": lambda payload: {"runs": [1]}})
    second = scene.node(answers={"list": lambda payload: {"runs": [2]}})
    client = scene.client()
    assert client.request("list_request", {}) == {"runs": [1]}
    first.leave()
    eventually(lambda: client.request("list_request", {}) == {"runs": [2]})
    assert second.asked


def test_many_questions_at_once_do_not_hinder_each_other(scene):
    def slow(payload):
        time.sleep(0.5)
        return {"run": payload["run_id"]}

    scene.node(answers={"status": slow})
    client, answers = scene.client(), {}

    def ask(number):
        answers[number] = client.request("status_request", {"run_id": number})

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(50)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert time.monotonic() - begin < 20  # one after the other, they take 25 s
    assert answers == {number: {"run": number} for number in range(50)}


@pytest.mark.parametrize(("size", "words"), [(6_000_000, "5,000,000"), (11_000_000, "went away")])
def test_an_answer_too_large_for_the_server_is_no_silence(scene, size, words):
    scene.node(answers={"log": lambda payload: {"text": "x" * size}})
    answer = scene.client().request("log_request", {"run_id": 7, "offset": 0})
    assert words in answer["error"]


def test_a_server_that_dies_ends_the_waiting_at_once(scene):
    node, client = scene.node(answers={"list": lambda payload: None}), scene.client()
    begin = time.monotonic()

    def stop_when_asked():
        eventually(lambda: node.asked)
        scene.server.stop()

    stopping = threading.Thread(target=stop_when_asked)
    stopping.start()
    with pytest.raises(ServerUnreachableError):
        client.request("list_request", {}, timeout_s=40)
    stopping.join()
    assert time.monotonic() - begin < 20
    scene.server.start()


# -- kills of commands that have not left the server


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
