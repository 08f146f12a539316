"""A vantage6 server with answers set by the test, and a node's session with the server."""

import pytest

from node_poc.protocol.vantage6.rest.session import RestSession
from tests.fakes.vantage6_http import opened

KEY = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def server():
    made = opened()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def rest(server):
    return RestSession(server.address, "/api", KEY)
