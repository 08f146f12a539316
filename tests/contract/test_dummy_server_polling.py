"""Large, many and malformed messages by long polling and by WebSocket, in both directions."""

import http.client
import sys
import threading
from pathlib import Path

import pytest
import socketio
import websocket

ROOT = Path(__file__).resolve().parents[2]
# the scripts stand alone, so they and their tests' helpers are found by path
for folder in (ROOT / "dummy_socketio_server", ROOT / "tests/unit/dummy_socketio_server"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from live_dummy_server import QUICK, Scene, eventually, leave_soon  # noqa: E402
from wire import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES  # noqa: E402

SIZES = [100_000, 250_000, 400_000, 1_000_000, MAX_MESSAGE_BYTES - 1_000]
TOO_LARGE = [MAX_MESSAGE_BYTES + 1, MAX_FRAME_BYTES - 1_000]
TRANSPORTS = ["polling", "websocket"]
both_ways = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.fixture
def scene():
    with Scene() as running:
        yield running


class Emitter:
    """A bare client over a single transport."""

    def __init__(self, scene, transport):
        self.results, self.gone = [], threading.Event()
        self.sio = socketio.Client(
            reconnection=False, handle_sigint=False, websocket_extra_options=QUICK
        )
        self.sio.on("run_result", self.results.append)
        self.sio.on("disconnect", lambda *_: self.gone.set())
        self.sio.connect(scene.server.url, transports=[transport])
        scene.ends.callback(leave_soon, self.sio)

    def call(self, event, data):
        return self.sio.call(event, data, timeout=20)


@both_ways
def test_whatever_fits_goes_to_the_node_and_back(scene, transport):
    node = scene.node(transport=transport, answers={"list": lambda payload: payload})
    emitter = Emitter(scene, transport)
    for size in SIZES:
        text = "x" * size
        assert emitter.call("command_request", {"run_id": size, "text": text})["accepted"]
        assert node.commands[-1] == {"run_id": size, "text": text}
        assert emitter.call("list_request", {"text": text}) == {"text": text}
        result = {"run_id": size, "status": "completed", "log": text}
        assert node.report("run_result", **result) == {"received": True}
        eventually(lambda: emitter.results)
        assert emitter.results.pop() == result


@both_ways
def test_text_beyond_ascii_is_whole_also_at_the_borders_of_pieces(scene, transport):
    node, text = scene.node(transport=transport), "aé€😀" * 40_000
    Emitter(scene, transport).call("command_request", {"run_id": 7, "text": text})
    assert node.commands[-1]["text"] == text


@both_ways
@pytest.mark.parametrize("size", TOO_LARGE)
def test_a_message_above_the_limit_is_refused_in_words(scene, transport, size):
    node = scene.node(transport=transport, answers={"list": lambda payload: {"text": "x" * size}})
    emitter = Emitter(scene, transport)
    large = {"run_id": 7, "text": "x" * size}
    told = [
        emitter.call("command_request", large)["reason"],
        emitter.call("status_request", large)["error"],
        emitter.call("list_request", {})["error"],
        node.report("run_status", **large)["reason"],
        node.report("run_result", **large)["reason"],
    ]
    for words in told:
        assert "the server takes 5,000,000" in words
    assert node.commands == []
    assert emitter.call("command_request", {"run_id": 8})["accepted"]


@both_ways
def test_far_above_the_limit_the_connection_is_cut_with_a_word_in_the_log(scene, transport):
    emitter = Emitter(scene, transport)
    emitter.sio.emit("command_request", {"run_id": 7, "text": "x" * (MAX_FRAME_BYTES + 1_000)})
    eventually(lambda: " is cut: " in scene.server.log)
    assert emitter.gone.wait(20)
    assert Emitter(scene, transport).call("command_request", {"run_id": 8})["accepted"]


@both_ways
def test_hundreds_of_messages_at_once(scene, transport):
    emitter = Emitter(scene, transport)
    for number in range(300):
        emitter.sio.emit("command_request", {"run_id": number})
    eventually(lambda: "command_request run 299" in scene.server.log)
    node = scene.node(transport=transport)
    eventually(lambda: len(node.commands) == 300)
    for number in range(300):
        node.sio.emit("run_result", {"run_id": number, "log": "x" * 50_000})
    eventually(lambda: len(emitter.results) == 300, 30)


class Polling:
    """Long polling by hand, for requests that no client sends."""

    def __init__(self, scene):
        self.http = http.client.HTTPConnection("127.0.0.1", scene.server.port, timeout=10)
        scene.ends.callback(self.http.close)
        opened = self.request("GET", "")
        self.sid = opened.partition('"sid":"')[2].partition('"')[0]
        assert self.request("POST", "40") == "OK"
        assert self.request("GET", "").startswith("40")

    sid = ""

    def request(self, method, body, **headers):
        path = "/socket.io/?transport=polling&EIO=4" + (f"&sid={self.sid}" if self.sid else "")
        self.http.request(method, path, body or None, headers)
        answer = self.http.getresponse()
        self.status = answer.status
        return answer.read().decode()


BAD_BODIES = [
    (b"", 400, "not made of"),
    (b"9", 400, "not made of"),
    (b"4\x1e", 400, "not made of"),
    (b'42["x",{"a":"\xff"}]', 400, "not UTF-8"),
    (b"d=40", 400, "not made of"),
    (b"\x1e".join([b"6"] * 10_001), 400, "10,001 messages"),
    (b"4" * (MAX_FRAME_BYTES + 1), 413, "5,000,000"),
    (b"\x1e".join([b"4" * 9_000_000] * 8), 413, "64,000,000"),
]
BAD_MESSAGES = ['42["x', "42", "42{}", "42[]", "4x", "42[" + "[" * 100_000, "42[{}]", "42[null]"]
BAD_FRAMES = ["", "9", "x", "b!!!", "é", *BAD_MESSAGES]


def test_a_body_that_cannot_be_read_is_never_answered_with_ok(scene):
    for number, (body, status, words) in enumerate(BAD_BODIES, 1):
        polling = Polling(scene)
        answer = polling.request("POST", body)
        assert (polling.status, words in answer) == (status, True)
        eventually(lambda number=number: scene.server.log.count(" is cut: ") == number)
        polling.http.close()
        polling.request("POST", b'42["command_request",{"run_id":7}]')
        assert polling.status == 400


def test_what_is_no_socket_io_message_ends_its_connection_only(scene):
    other = Emitter(scene, "polling")
    for number, message in enumerate(BAD_MESSAGES, 1):
        Polling(scene).request("POST", message)
        eventually(
            lambda number=number: scene.server.log.count("sent no Socket.IO message") == number
        )
    assert other.call("watch_request", {"run_id": 7}) == {"known": False, "status": None}


def test_what_is_no_message_on_a_websocket_ends_its_connection_only(scene):
    other = Emitter(scene, "websocket")
    for number, frame in enumerate(BAD_FRAMES, 1):
        bare = websocket.create_connection(
            f"ws://127.0.0.1:{scene.server.port}/socket.io/?EIO=4&transport=websocket", timeout=10
        )
        bare.send("40")
        bare.send(frame)
        eventually(lambda number=number: scene.server.log.count(" is cut: ") == number)
        bare.close()
    other.sio.emit("*")
    assert other.call("watch_request", {"run_id": 7}) == {"known": False, "status": None}


@both_ways
def test_a_deeply_nested_message_is_refused_in_words(scene, transport):
    node, emitter = scene.node(), Emitter(scene, transport)
    deep = []
    for _ in range(150):
        deep = [deep]
    assert "nested" in emitter.call("command_request", {"run_id": 7, "deep": deep})["reason"]
    assert "nested" in emitter.call("list_request", {"deep": deep})["error"]
    assert node.commands == []


def test_a_body_without_a_length_is_read_to_its_end(scene):
    polling, node = Polling(scene), scene.node()
    text = "x" * 900_000
    whole = f'42["command_request",{{"run_id":7,"text":"{text}"}}]'.encode()
    pieces = [whole[start : start + 65_000] for start in range(0, len(whole), 65_000)]
    path = f"/socket.io/?transport=polling&EIO=4&sid={polling.sid}"
    polling.http.request("POST", path, iter(pieces), encode_chunked=True)
    assert polling.http.getresponse().read() == b"OK"
    eventually(lambda: node.commands == [{"run_id": 7, "text": text}])
