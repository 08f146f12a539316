"""Servers and fake nodes for the emitter's commands."""

import pytest
from emitter_process import FakeRuns
from live_dummy_server import Scene


@pytest.fixture(scope="module")
def shared():
    """Return a server with a node that the tests only query."""
    with Scene() as running:
        running.runs = FakeRuns()
        running.fake = running.node(answers=running.runs.answers)
        yield running


@pytest.fixture
def scene():
    with Scene() as running:
        yield running
