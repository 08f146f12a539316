"""A real vantage6 server for each module, and the proxy between server and clients."""

import pytest

from devserver import DevServer, provision
from tests.fakes.proxied_station import ProxiedStation
from tests.fakes.proxy import proxy


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    server = DevServer(tmp_path_factory.mktemp("vantage6"))
    server.start()
    yield provision(server)
    server.stop()


@pytest.fixture(params=["plain", "encrypted"], scope="module")
def station(request, world):
    """Return a collaboration whose algorithms reach the server through the proxy."""
    made = ProxiedStation(world, request.param)
    with proxy(made.cryptor("alpha"), server=world.server.url) as running:
        made.proxy = running
        yield made
    made.user.close()
