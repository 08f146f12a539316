"""The real cluster and one data station on it, shared by all cluster tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.station import Cluster, Station


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies here needs the cluster."""
    for item in items:
        if "tests/cluster" in str(item.path):
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster under test. There is no skipping: without it these tests fail."""
    return Cluster()


@pytest.fixture(scope="session")
def station(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A data station that is ready for runs."""
    station = Station(cluster, tmp_path_factory.mktemp("server") / "dummy_server.log")
    station.set_up()
    yield station
    station.tear_down()
