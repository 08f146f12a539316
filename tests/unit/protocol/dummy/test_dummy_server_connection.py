"""Connecting to the dummy server where another program answers first, over real sockets."""

import concurrent.futures

import pytest

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.dummy import server
from node_poc.protocol.dummy.server import DummyServer
from tests.fakes.examples import config
from tests.fakes.socket_servers import RUBBISH, GreetingServer, RubbishServer
from tests.fakes.station import eventually, payload


@pytest.mark.parametrize("body", RUBBISH)
def test_what_answers_rubbish_is_tried_until_the_server_is_there(monkeypatch, body):
    monkeypatch.setattr(server, "_BACKOFF", Backoff(0.05, 0.2))
    monkeypatch.setattr(server, "_CONNECT_SECONDS", 0.5)
    rubbish = RubbishServer(body)
    url = f"http://127.0.0.1:{rubbish.port}"
    node = DummyServer(config().model_copy(update={"server_url": url, "port": None}), control=None)
    node.start()
    eventually(lambda: rubbish.asked >= 3)
    assert (node.is_connected, node.connection) == (False, 0)
    rubbish.close()
    real = GreetingServer(lambda *_: None, namespace="/", port=rubbish.port)
    eventually(lambda: node.is_connected)
    assert node.connection >= 1  # a slow machine may need a second try
    node.stop()
    real.close()


def test_a_node_that_is_too_busy_to_decide_refuses_nothing():
    class Busy:
        def run(self, spec, owner):
            raise concurrent.futures.TimeoutError

    node = DummyServer(config(), control=Busy())
    answer = node._on_command(payload(7))
    assert answer["accepted"] is None
    assert "may still start" in answer["reason"]
