"""The settings of the cluster in use, without a cluster."""

import pytest

from devcluster.errors import ApiError
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


def answer(monkeypatch, found):
    def manifest(_, name, reference):
        assert (name, reference) == ("v6_node_poc", "latest")
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr("devcluster.registry.Client.manifest", manifest)


def test_the_dev_cluster_has_the_nodes_image_by_digest(monkeypatch):
    answer(monkeypatch, ("sha256:" + "a" * 64, {}))
    cluster = Cluster()
    assert cluster.node_image() == f"{cluster.images}/v6_node_poc@sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("found", "said"), [(None, "lacks the image v6_node_poc: make images"), (ApiError("x"), "x")]
)
def test_a_registry_without_the_nodes_image_is_an_error(monkeypatch, found, said):
    answer(monkeypatch, found)
    with pytest.raises(StationError, match=said):
        Cluster().node_image()


def test_an_existing_cluster_has_the_nodes_image_by_name(monkeypatch):
    monkeypatch.setenv("CONTEXT", "mine")
    monkeypatch.setenv("REGISTRY", "registry.example")
    answer(monkeypatch, AssertionError("nobody asks this registry"))
    assert Cluster().node_image() == "registry.example/v6_node_poc"


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
