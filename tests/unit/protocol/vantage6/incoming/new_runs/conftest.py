"""A vantage6 node that takes runs from a server, in short pauses."""

import pytest

from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6.incoming import algorithm_store, postponed, sync
from node_poc.protocol.vantage6.outgoing import send_queue
from tests.fakes.vantage6_taking import TakingWorld


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(postponed, "_BACKOFF", Backoff(0.05, 0.1))
    monkeypatch.setattr(sync, "_BACKOFF", Backoff(0.05, 0.1))
    monkeypatch.setattr(send_queue, "_BACKOFF", Backoff(0.01, 0.05))
    monkeypatch.setattr(algorithm_store, "_PAUSE_SECONDS", 0.01)


@pytest.fixture
def make_world():
    made = []

    def make(**options):
        made.append(TakingWorld(**options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def world(make_world):
    return make_world()
