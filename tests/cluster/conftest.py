"""The real cluster with a station, shared by all cluster tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes.config import kube_config

from devcluster.console import Console
from devcluster.parts import COSIGN, GVISOR, Part
from devcluster.render import SANDBOX_CLASS
from devstation import Cluster, DummyStation
from devstation.cosign import Cosign
from devstation.programs import built
from tests.cluster.helms import PARTS, Helm
from tests.cluster.station import shared_station
from tests.cluster.wire_recorder import WireRecorder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test in this folder as a cluster test."""
    for item in items:
        if "tests/cluster" in str(item.path):
            item.add_marker(pytest.mark.cluster)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """Return the cluster under test. Without a cluster these tests fail; they are never skipped."""
    return Cluster()


@pytest.fixture(scope="session")
def station(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DummyStation]:
    """Return a station that is ready for runs."""
    station = shared_station(cluster, tmp_path_factory.mktemp("server") / "dummy_server.log")
    station.set_up()
    yield station
    station.remove()


def _built(part: Part, config: pytest.Config) -> Path:
    """Return the folder of a part's programs; a build shows its progress."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return built(part, Console())


@pytest.fixture(scope="session")
def cosign(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Cosign:
    """Return real cosign. The first use builds it, for some minutes, and shows the progress."""
    program = _built(COSIGN, pytestconfig) / "cosign"
    return Cosign(program, tmp_path_factory.mktemp("cosign"))


@pytest.fixture(scope="session")
def sandbox(pytestconfig: pytest.Config) -> str:
    """Return the RuntimeClass of gVisor. The first use builds gVisor, for some minutes."""
    _built(GVISOR, pytestconfig)
    return SANDBOX_CLASS


@pytest.fixture(scope="session")
def helms(
    cluster: Cluster, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Helm]:
    """Return real Helm, by version. The first use builds the program, for some minutes."""
    return {
        name: Helm(name, _built(part, pytestconfig) / name, tmp_path_factory.mktemp(name), cluster)
        for name, part in PARTS.items()
    }


@pytest.fixture(scope="session")
def api_access(cluster: Cluster) -> Iterator[None]:
    """Let nodes and watches in this process reach the cluster under test."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        path = cluster.settings.get("KUBECONFIG")
        if path:
            monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", path)
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        yield


@pytest.fixture(scope="session")
def recorder(api_access: None) -> Iterator[None]:
    """Record the Jobs, pods and Events of failing runs, if ``RECORD_WIRE`` is set."""
    if not os.environ.get("RECORD_WIRE"):
        yield
        return
    recorder = WireRecorder()
    recorder.start()
    yield
    recorder.save()
