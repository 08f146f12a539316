"""The settings of the cluster in use, without a cluster."""

import pytest

from devstation import Cluster, StationError, own_home, wait_for

VARIABLES = (
    "CONTEXT",
    "REGISTRY",
    "IMAGE_REGISTRY",
    "SERVER_IP",
    "OUTSIDE",
    "DEVCLUSTER_INDEX",
    "DEVCLUSTER_PROFILE",
)


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_the_dev_cluster_has_all_addresses():
    cluster = Cluster()
    assert cluster.context is None
    assert cluster.image("v6_node_poc") == f"{cluster.images}/v6_node_poc"
    assert all((cluster.images, cluster.server_ip, cluster.outside))


def test_an_existing_cluster_needs_them_only_when_they_are_used(monkeypatch):
    monkeypatch.setenv("CONTEXT", "mine")
    cluster = Cluster()
    assert cluster.context == "mine"
    with pytest.raises(StationError, match="SERVER_IP is not set: give this machine's address"):
        _ = cluster.server_ip
    with pytest.raises(StationError, match="REGISTRY is not set"):
        cluster.image("v6_node_poc")
    with pytest.raises(StationError, match="OUTSIDE is not set"):
        _ = cluster.outside


@pytest.mark.parametrize("index", ["ten", "10"])
def test_an_unknown_instance_is_an_error_of_its_own(monkeypatch, index):
    monkeypatch.setenv("DEVCLUSTER_INDEX", index)
    with pytest.raises(StationError):
        Cluster()


def test_each_instance_has_folders_of_its_own(monkeypatch):
    first = own_home("test")
    monkeypatch.setenv("DEVCLUSTER_INDEX", "1")
    assert own_home("test") != first


def test_a_condition_that_does_not_come_is_told():
    with pytest.raises(StationError, match="in vain: the pod is there"):
        wait_for(lambda: False, "the pod is there", seconds=0.05, every=0.01)
    assert wait_for(lambda: "found", "a value") == "found"
