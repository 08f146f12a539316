"""The dummy server's contract: a real process, with real Socket.IO clients as node and emitter."""

import asyncio
import signal
import sys
import time
from pathlib import Path

import pytest
import socketio

ROOT = Path(__file__).resolve().parents[2]
# the scripts stand alone, so they and their tests' helpers are found by path
for folder in (ROOT / "dummy_socketio_server", ROOT / "tests/unit/dummy_socketio_server"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from emitter_client import (  # noqa: E402
    EventKind,
    NoAnswerError,
    PayloadTooLargeError,
    RunRefusedError,
    ServerUnreachableError,
)
from live_dummy_server import Scene, eventually, kinds, refuse  # noqa: E402


@pytest.fixture
def scene():
    with Scene() as running:
        yield running


@pytest.fixture
def impatient():
    with Scene(answer_timeout=0.5) as running:
        yield running


def test_a_command_is_forwarded_as_it_is_and_acknowledged(scene):
    node, client = scene.node(), scene.client()
    payload = {"run_id": 7, "token": "secret-token", "docker_input": "secret-input"}
    ack = client.post(payload)
    assert ack == {
        "accepted": True,
        "state": "forwarded",
        "run_id": 7,
        "reason": None,
        "status": "pending",
    }
    assert node.commands == [payload]
    eventually(lambda: "command_request run 7" in scene.server.log)
    assert "secret" not in scene.server.log


def test_a_refusal_is_acknowledged_and_told_once(scene):
    scene.node(answer=refuse)
    events = []
    with socketio.SimpleClient() as bare:
        bare.connect(scene.server.url, transports=["websocket"])
        ack = bare.call("command_request", {"run_id": 7})
        assert (ack["accepted"], ack["state"], ack["reason"]) == (False, "refused", "bad image")
        events.append(bare.receive(timeout=20))
        with pytest.raises(socketio.exceptions.TimeoutError):
            bare.receive(timeout=0.3)
    assert events == [["command_rejected", {"run_id": 7, "reason": "bad image"}]]


def test_waiting_for_a_refused_run_raises(scene):
    scene.node(answer=refuse)
    client = scene.client()
    client.post({"run_id": 7})
    with pytest.raises(RunRefusedError, match="bad image"):
        client.wait(7, 40)


def test_commands_are_kept_in_order_until_a_node_comes(scene):
    client = scene.client()
    acks = [client.post({"run_id": number}) for number in range(50)]
    assert {(ack["accepted"], ack["state"]) for ack in acks} == {(True, "kept")}
    received = []

    async def be_a_node():
        # the threaded client starts a thread per event, but this client keeps the order
        sio = socketio.AsyncClient()
        complete = asyncio.Event()

        async def on_command(payload):
            received.append(payload["run_id"])
            if len(received) == 50:
                complete.set()
            return {"accepted": True, "status": "pending"}

        sio.on("command", on_command)
        await sio.connect(scene.server.url, transports=["websocket"])
        await sio.emit("node_connection_request")
        await asyncio.wait_for(complete.wait(), 10)
        await sio.disconnect()

    asyncio.run(be_a_node())
    assert received == list(range(50))


def test_a_kept_command_that_is_refused_later_is_told(scene):
    client = scene.client()
    assert client.post({"run_id": 7})["state"] == "kept"
    scene.node(answer=refuse)
    with pytest.raises(RunRefusedError, match="bad image"):
        client.wait(7, 40)
    assert kinds(client, EventKind.REJECTED) == [{"run_id": 7, "reason": "bad image"}]


def test_the_next_node_takes_over_with_what_was_not_answered(scene):
    first = scene.node(answer=lambda payload: None)
    second = scene.node()
    client = scene.client()
    future = client.submit({"run_id": 7})
    eventually(lambda: first.commands)
    assert second.commands == []
    first.leave()
    assert future.result(20)["state"] == "kept"
    eventually(lambda: second.commands == [{"run_id": 7}])


def test_a_silent_node_leaves_the_state_unknown(impatient):
    impatient.node(answer=lambda payload: None)
    ack = impatient.client().post({"run_id": 7})
    assert (ack["accepted"], ack["state"]) == (False, "unknown")
    assert "may still start" in ack["reason"]


def test_a_late_refusal_is_told_by_an_event(impatient):
    def late(_payload):
        time.sleep(1)
        return {"accepted": False, "reason": "bad image"}

    impatient.node(answer=late)
    client = impatient.client()
    assert client.post({"run_id": 7})["state"] == "unknown"
    with pytest.raises(RunRefusedError, match="bad image"):
        client.wait(7, 40)


def test_a_kept_command_is_repeated_to_a_node_that_was_silent(impatient):
    impatient.client().post({"run_id": 7})
    answers = iter([None])
    taken = {"accepted": True, "status": "pending"}
    node = impatient.node(answer=lambda payload: next(answers, taken))
    eventually(lambda: len(node.commands) >= 2)
    assert {command["run_id"] for command in node.commands} == {7}


def test_statuses_and_the_result_go_to_who_asked_once(scene):
    node, poster, watcher, stranger = (
        scene.node(),
        *(scene.client() for _ in range(3)),
    )
    poster.post({"run_id": 7})
    assert watcher.watch(7) == {"known": True, "status": None}
    assert node.report("run_status", run_id=7, status="active") == {"received": True}
    for _ in range(3):
        report = {"run_id": 7, "status": "completed", "exit_code": 0, "log": "x" * 1_000_000}
        assert node.report("run_result", **report) == {"received": True}
    assert poster.wait(7, 40)["exit_code"] == 0
    assert watcher.wait(7, 40)["exit_code"] == 0
    time.sleep(0.2)
    for client in (poster, watcher):
        assert kinds(client, EventKind.STATUS) == [{"run_id": 7, "status": "active"}]
        assert len(kinds(client, EventKind.RESULT)) == 1
    assert stranger.seen == []


def test_a_late_watcher_gets_status_and_result_at_once(scene):
    node = scene.node()
    status = {"run_id": 7, "status": "completed"}
    node.report("run_status", **status)
    node.report("run_result", **status)
    watcher = scene.client()
    assert watcher.watch(7) == {"known": True, "status": status}
    assert watcher.wait(7, 40) == status
    assert watcher.watch(8) == {"known": False, "status": None}


def test_the_server_killed_while_an_emitter_waits(scene):
    node, client = scene.node(), scene.client()
    client.post({"run_id": 7})
    node.registered.clear()
    scene.server.stop()
    eventually(lambda: kinds(client, EventKind.CONNECTION_LOST))
    with pytest.raises(ServerUnreachableError):
        client.wait(7, 0.5)
    scene.server.start()
    assert node.registered.wait(20)
    # The node knows an equal command and sends its result again; here the test does the same.
    eventually(lambda: len(node.commands) >= 2)
    assert node.commands[-1] == {"run_id": 7}
    node.report("run_result", run_id=7, status="completed")
    assert client.wait(7, 40)["status"] == "completed"
    assert len(kinds(client, EventKind.CONNECTION_LOST)) == 1
    assert kinds(client, EventKind.RECONNECTED) == [{"posted_again": 1}]


def test_sigterm_ends_the_server_at_once_and_clients_come_back(scene):
    node, client = scene.node(), scene.client()
    client.post({"run_id": 7})
    node.registered.clear()
    begin = time.monotonic()
    assert scene.server.stop(signal.SIGTERM) == 0
    assert time.monotonic() - begin < 15  # open connections would hold the server a minute
    scene.server.start()
    assert node.registered.wait(20)
    eventually(lambda: len(node.commands) >= 2)


def test_the_server_does_not_judge_payloads(scene):
    node, client = scene.node(), scene.client()
    payloads = [None, 5, "text", [1, 2], [], {}, {"run_id": "x"}, b"\x00\xff"]
    for payload in payloads:
        assert client.post(payload)["state"] == "forwarded"
    assert node.commands == payloads


def test_payloads_near_and_over_the_limit(scene):
    node, client = scene.node(), scene.client()
    client.post({"run_id": 7, "big": "x" * 4_900_000})
    assert len(node.commands[0]["big"]) == 4_900_000
    with pytest.raises(PayloadTooLargeError):
        client.post({"run_id": 8, "big": "x" * 5_000_000})
    with socketio.SimpleClient() as bare:
        bare.connect(scene.server.url, transports=["websocket"])
        ack = bare.call("command_request", {"run_id": 9, "big": "x" * 6_000_000})
        assert (ack["state"], "5,000,000" in ack["reason"]) == ("refused", True)
        bare.emit("command_request", {"run_id": 9, "big": "x" * 11_000_000})
        eventually(lambda: "disconnected" in scene.server.log)
    assert client.post({"run_id": 10})["state"] == "forwarded"


def test_malformed_reports_and_questions_are_answered(scene):
    node, client = scene.node(), scene.client()
    for event in ("run_status", "run_result"):
        for bad in (None, 5, [1], {}, {"run_id": "7"}, {"run_id": True}):
            ack = node.sio.call(event, bad, timeout=20)
            assert ack["received"] is False
            assert ack["reason"]
    for bad in (None, "7", {}, {"run_id": "7"}, {"run_id": None}):
        answer = client.request("watch_request", bad)
        assert answer["known"] is False
        assert "run_id" in answer["reason"]
    assert client.request("no_such_event", {})["accepted"] is False
    node.sio.emit("command_rejected", {"run_id": 7, "reason": "x"})
    node.sio.emit("command_rejected")
    assert client.post({"run_id": 7})["state"] == "forwarded"
    assert kinds(client, EventKind.REJECTED) == []


def test_five_hundred_commands_at_once(scene):
    node, client = scene.node(), scene.client()
    futures = [client.submit({"run_id": number}) for number in range(500)]
    assert {future.result(30)["state"] for future in futures} == {"forwarded"}
    assert sorted(command["run_id"] for command in node.commands) == list(range(500))


def test_waiting_has_a_limit(scene):
    client = scene.client()
    client.post({"run_id": 7})
    with pytest.raises(NoAnswerError, match="run 7"):
        client.wait(7, 0.1)
