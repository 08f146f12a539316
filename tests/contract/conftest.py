"""Stations for the node's contract tests; see tests/fakes/station.py."""

import threading

import pytest
from kubernetes.config import kube_config

from node_poc.cluster import watch
from node_poc.concurrency.backoff import Backoff
from node_poc.engine import assembly, delivery, engine, retries, starts
from node_poc.observe.health import HealthServer
from node_poc.protocol.dummy import server
from node_poc.runs import waits
from tests.fakes.station import Station

# The tests that take longest come first, so that at the end no processor waits for the other.
_LONG = ("contract/vantage6/", "contract/proxied/", "contract/test_node_random_faults")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Put long tests first; the random order of pytest-randomly stays otherwise."""
    items.sort(key=lambda item: not any(each in item.path.as_posix() for each in _LONG))


@pytest.fixture(autouse=True, scope="session")
def pod_name():
    """Give all node processes the same pod name, so that a killed node's Lease passes on."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("POD_NAME", "v6-node-0")
        yield


@pytest.fixture
def hurry(monkeypatch):
    """Shorten the pauses of a node in this process: the tests are not about times."""
    monkeypatch.setattr(engine, "_TICK_SECONDS", 0.05)
    monkeypatch.setattr(assembly, "QUOTA_PAUSES", Backoff(0.2, 0.8))
    monkeypatch.setattr(starts, "_COUNTED_SECONDS", 0.05)
    monkeypatch.setattr(retries, "_PASSING", Backoff(0.05, 0.1))
    monkeypatch.setattr(retries, "_DISK", Backoff(0.05, 0.1))
    monkeypatch.setattr(retries, "_REFUSED", Backoff(0.2, 0.4))
    monkeypatch.setattr(waits, "_LOOK_SECONDS", (0.2, 0.2, 0.8))
    monkeypatch.setattr(delivery, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(server, "_BACKOFF", Backoff(0.05, 0.2))
    monkeypatch.setattr(watch, "_BACKOFF", Backoff(0.02, 0.2))
    stop = HealthServer.stop  # takes half a second, and no test has to wait
    background = lambda health: threading.Thread(target=stop, args=(health,), daemon=True).start()  # noqa: E731
    monkeypatch.setattr(HealthServer, "stop", background)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


@pytest.fixture
def station(tmp_path, hurry, monkeypatch):
    """A station where only the fake cluster runs yet."""
    made = Station(tmp_path)
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(made.kubeconfig))
    yield made
    made.close()


@pytest.fixture
def emitter(station):
    """A connected emitter of a station where everything runs."""
    return station.start()


@pytest.fixture(scope="module")
def shared_station(tmp_path_factory):
    """A station for many short tests, which must leave it intact; return (station, emitter)."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = Station(tmp_path_factory.mktemp("station"))
        monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(made.kubeconfig))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        yield made, made.start()
        made.close()
