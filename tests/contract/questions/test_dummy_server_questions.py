"""Questions to the node through the dummy server: a real process, real Socket.IO clients."""

import threading
import time

import pytest
from emitter_client import ServerUnreachableError
from live_dummy_server import Scene, eventually

QUESTIONS = {
    "list": {},
    "status": {"run_id": 7},
    "log": {"run_id": 7, "offset": 0},
    "kill": {"run_ids": [7]},
    "result": {"run_id": 7},
    "output": {"run_id": 7, "path": "avg.txt", "offset": 0},
}


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
