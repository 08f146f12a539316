"""A real vantage6 server for the session, and stations with a collaboration each on the server."""

import pytest
from kubernetes.config import kube_config

import devserver
from node_poc.concurrency.backoff import Backoff
from node_poc.protocol.vantage6 import connection, server
from node_poc.protocol.vantage6.outgoing import logs, send_queue
from tests.fakes import station
from tests.fakes.vantage6_station import V6Station


def pytest_collection_modifyitems(items):
    """Allow more time: server and clients are large programs and slow on a busy machine."""
    for item in items:
        if "vantage6" in item.path.parts and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(autouse=True, scope="session")
def patience():
    """Let tests wait longer before they give up, for the same reason."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(station, "PATIENCE_SECONDS", 90.0)
        yield


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """A server with two organizations. The first start installs the server before any test."""
    server = devserver.DevServer(tmp_path_factory.mktemp("vantage6"))
    server.start()
    yield devserver.provision(server)
    server.stop()


@pytest.fixture(scope="session")
def root(world):
    """The user with all rights."""
    client = world.root_client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def admin(world):
    """A user of alpha who may kill, in a collaboration without encryption."""
    client = world.client("admin")
    yield client
    client.close()


@pytest.fixture(scope="session")
def keyholder(world):
    """The same user with alpha's private key."""
    client = world.client("admin", encrypted=True)
    yield client
    client.close()


@pytest.fixture
def quick(hurry, monkeypatch):
    """Shorten the pauses of this protocol: the tests are not about times."""
    monkeypatch.setattr(connection, "_BACKOFF", Backoff(0.05, 0.3))
    monkeypatch.setattr(server, "_BACKOFF", Backoff(0.05, 0.3))
    monkeypatch.setattr(send_queue, "_BACKOFF", Backoff(0.05, 0.3))
    monkeypatch.setattr(logs, "_LOOK_SECONDS", 0.05)


@pytest.fixture
def make_station(tmp_path, world, root, quick, monkeypatch):
    """Make the test's station."""
    made = []

    def make(*, encrypted=False):
        one = V6Station(tmp_path, world, root, encrypted=encrypted)
        made.append(one)
        config_file = str(one.kubeconfig)
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", config_file)
        return one

    yield make
    for one in made:
        one.close()


@pytest.fixture(name="station")
def plain_station(make_station):
    """A station in a plain collaboration; the station's node does not run yet."""
    return make_station()
