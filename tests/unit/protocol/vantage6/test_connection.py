"""Connections to a vantage6 server that fail at the start, over real sockets."""

import threading
import time

import pytest

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6 import connection
from node_poc.protocol.vantage6.connection import Connection, EventSender, Listeners, SocketTokens
from node_poc.protocol.vantage6.errors import LoginRefusedError
from tests.fakes.socket_servers import RUBBISH, GreetingServer, RubbishServer

# Much shorter than the node's timeout for a silent server.
QUICK_SECONDS = 25.0


class Scene:
    """A socket, with the reports and token requests of the socket."""

    def __init__(self):
        self.synced = threading.Event()
        self.refused = []
        self.renewed = []
        self.refuses = False
        self.socket = None

    def open(self, address):
        listeners = Listeners(
            self.synced.set, lambda _: None, lambda _: None, on_refused=self.refused.append
        )
        tokens = SocketTokens(self.token, self.renew)
        self.socket = Connection(address, tokens, EventSender(), listeners)
        self.socket.start()

    def token(self):
        return f"token-{len(self.renewed)}"

    def renew(self, bad):
        if self.refuses:
            raise LoginRefusedError("this API key is not known")
        self.renewed.append(bad)


@pytest.fixture
def serve():
    made = []

    def start(greet, port=0):
        made.append(GreetingServer(greet, port=port))
        return made[-1]

    yield start
    for each in made:
        each.close()


@pytest.fixture
def scene(monkeypatch, serve):  # the servers close last: hanging up takes both ends
    monkeypatch.setattr(connection, "_BACKOFF", Backoff(0.05, 0.2))
    made = Scene()
    yield made
    made.socket.stop()


def welcome(io, _number, sid):
    io.emit("sync", to=sid, namespace="/tasks")


@pytest.mark.parametrize("event", ["expired_token", "invalid_token"])
def test_after_a_bad_token_a_new_one_is_tried_at_once(scene, serve, event):
    def greet(io, number, sid):
        io.emit(event if number == 1 else "sync", to=sid, namespace="/tasks")

    server = serve(greet)
    scene.open(server.address)
    assert scene.synced.wait(QUICK_SECONDS)
    assert scene.renewed == ["token-0"]
    assert scene.socket.is_synced


def test_a_connection_that_drops_before_the_greeting_is_made_anew_at_once(scene, serve):
    def greet(io, number, sid):
        if number == 1:
            time.sleep(0.3)  # connected but not greeted yet
            io.disconnect(sid, namespace="/tasks")
        else:
            welcome(io, number, sid)

    server = serve(greet)
    scene.open(server.address)
    assert scene.synced.wait(QUICK_SECONDS)
    assert scene.renewed == []


def test_a_server_that_says_nothing_is_left_for_a_connection_with_a_new_token(
    scene, serve, monkeypatch
):
    monkeypatch.setattr(connection, "_SYNC_SECONDS", 2.0)

    def greet(io, number, sid):
        if number > 1:
            welcome(io, number, sid)

    scene.open(serve(greet).address)
    assert scene.synced.wait(QUICK_SECONDS)
    assert scene.renewed == ["token-0"]
    time.sleep(2.5)  # the watch for silence has ended
    assert scene.socket.is_synced


def test_a_server_that_refuses_the_key_after_a_bad_token_is_told_once(scene, serve):
    scene.refuses = True
    server = serve(lambda io, _number, sid: io.emit("invalid_token", to=sid, namespace="/tasks"))
    scene.open(server.address)
    scene.socket._thread.join(QUICK_SECONDS)
    assert scene.refused == ["this API key is not known"]
    assert len(server.came_at) == 1


@pytest.mark.parametrize("body", RUBBISH)
def test_what_answers_rubbish_is_tried_until_the_server_is_there(scene, serve, body):
    rubbish = RubbishServer(body)
    scene.open(f"http://127.0.0.1:{rubbish.port}")
    until = time.monotonic() + QUICK_SECONDS
    while rubbish.asked < 3 and time.monotonic() < until:
        time.sleep(0.02)
    rubbish.close()
    server = serve(welcome, rubbish.port)
    assert scene.synced.wait(QUICK_SECONDS)
    assert server.came_at
    assert scene.socket.is_synced
