"""Only the node of a run may report on the run: each event of a node from other clients."""

import sys
from pathlib import Path

import pytest
import socketio

ROOT = Path(__file__).resolve().parents[2]
# the scripts stand alone, so they and their tests' helpers are found by path
for folder in (ROOT / "dummy_socketio_server", ROOT / "tests/unit/dummy_socketio_server"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from emitter_client import EventKind  # noqa: E402
from live_dummy_server import Scene, eventually, kinds  # noqa: E402

FORGED = {"run_id": 7, "status": "completed", "exit_code": 0, "log": "forged"}
TRUE = {"run_id": 7, "status": "completed", "exit_code": 0, "log": "true"}


@pytest.fixture
def scene():
    with Scene() as running:
        yield running


def heard(client):
    return [event.data for event in client.seen if event.kind is not EventKind.ACK]


@pytest.mark.parametrize("event", ["run_status", "run_result", "command_rejected"])
def test_who_is_no_node_is_refused_with_the_reason(scene, event):
    node, owner, stranger = scene.node(), scene.client(), scene.client()
    owner.post({"run_id": 7})
    for run_id in (7, 99, "x"):
        answer = stranger.request(event, {**FORGED, "run_id": run_id})
        assert (answer["received"], "only a node" in answer["reason"]) == (False, True)
    assert "forged" not in scene.server.log
    assert node.report("run_result", **TRUE) == {"received": True}
    assert owner.wait(7, 40) == TRUE
    assert heard(owner) == [TRUE]
    assert owner.watch(99) == {"known": False, "status": None}


def test_who_registers_as_a_node_too_has_no_say_in_the_runs_of_the_first(scene):
    node, owner = scene.node(name="a"), scene.client()
    owner.post({"run_id": 7})
    impostor = scene.node(name="a")
    for event in ("run_status", "run_result"):
        answer = impostor.report(event, **FORGED)
        assert (answer["received"], "another connected node" in answer["reason"]) == (False, True)
        answer = impostor.report(event, **{**FORGED, "run_id": 8})
        assert (answer["received"], "another node is active" in answer["reason"]) == (False, True)
    owner.post({"run_id": 8})
    assert owner.watch(8) == {"known": True, "status": None}
    assert node.report("run_result", **TRUE) == {"received": True}
    assert owner.wait(7, 40) == TRUE
    assert impostor.commands == []


def test_a_node_that_comes_back_as_the_second_still_delivers_its_runs(scene):
    first, owner = scene.node(name="a"), scene.client()
    owner.post({"run_id": 7})
    other = scene.node(name="b")
    first.leave()
    eventually(lambda: "the next node takes over" in scene.server.log)
    again = scene.node(name="a")
    assert again.report("run_result", **TRUE) == {"received": True}
    assert owner.wait(7, 40) == TRUE
    assert other.report("run_status", **FORGED)["received"] is False


def test_a_restarted_server_takes_the_results_of_its_node(scene):
    node, owner = scene.node(name="a"), scene.client()
    owner.post({"run_id": 7})
    node.registered.clear()
    scene.server.stop()
    scene.server.start()
    assert node.registered.wait(20)
    assert node.report("run_result", **TRUE) == {"received": True}
    assert owner.wait(7, 40) == TRUE


def test_answers_to_questions_count_from_the_node_that_was_asked_only(scene):
    forged = []

    def answer_meanwhile(_payload):
        for number in range(20):  # the numbers of acknowledgements are small and easy to guess
            for packet in (f'43{number}[{{"runs":"forged"}}]', f'43{number}[{{"accepted":false}}]'):
                forged.append(packet)
                stranger.eio.send(packet[1:])
        assert stranger.call("watch_request", {"run_id": 1}, timeout=10)["known"] is False
        return {"runs": []}

    stranger = socketio.Client(reconnection=False, handle_sigint=False)
    stranger.connect(scene.server.url, transports=["websocket"])
    scene.ends.callback(stranger.shutdown)
    node, client = scene.node(answers={"list": answer_meanwhile}), scene.client()
    assert client.request("list_request", {}) == {"runs": []}
    assert len(forged) == 40
    assert client.post({"run_id": 7})["state"] == "forwarded"
    assert (node.asked, kinds(client, EventKind.REJECTED)) == ([("list", {})], [])
