"""The pods of node and proxy reach only what they need, and a pod without walls reaches all."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from devcluster.network import METADATA_IP
from devstation import DummyStation
from tests.cluster.probes import open_neighbour
from tests.cluster.station import NAMESPACE, PORT

pytestmark = pytest.mark.dev_cluster  # in place of a cloud, the dev cluster answers for metadata
OTHER = "v6-test-own-walls"
_TRY = """
import json, socket, sys
told = []
for address in sys.argv[1:]:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        told.append(address)
    except OSError:
        pass
try:
    socket.getaddrinfo("kubernetes.default.svc.cluster.local", 443)
    told.append("a name")
except OSError:
    pass
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def neighbour(station: DummyStation) -> Iterator[str]:
    """Return the address and port of a pod in another namespace, which no policy selects."""
    with open_neighbour(station, OTHER) as address:
        yield address


@pytest.fixture(scope="module")
def addresses(station: DummyStation, neighbour: str) -> dict[str, str]:
    """Return the addresses that each pod tries, by name."""
    services = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item["spec"]["clusterIP"]
        for item in station.cluster.get("services", "-A")
    }
    machine = station.cluster.kubectl(
        "get", "nodes", "-o", "jsonpath={.items[0].status.addresses[0].address}"
    )
    return {
        "server": f"{station.cluster.server_ip}:{PORT}",
        "API server": f"{services['default', 'kubernetes']}:443",
        "API server's machine": f"{machine}:6443",
        "kubelet": f"{machine}:10250",
        "DNS": f"{services['kube-system', 'kube-dns']}:53",
        "outside": station.cluster.outside,
        "cloud metadata": f"{METADATA_IP}:80",
        "another pod": neighbour,
        "a name": "a name",
    }


def reached(station: DummyStation, addresses: dict[str, str], where: str, *more: str) -> set[str]:
    """Return the names of the addresses that a pod reaches."""
    tried = [address for name, address in addresses.items() if name != "a name"]
    told = station.cluster.kubectl("exec", where, *more, "--", "python3", "-c", _TRY, *tried)
    return {name for name, address in addresses.items() if address in json.loads(told)}


def test_a_pod_without_walls_reaches_everything(station: DummyStation, addresses: dict[str, str]):
    """The control: each address answers."""
    assert reached(station, addresses, "pod/neighbour", "-n", OTHER) == set(addresses)


def test_the_node_reaches_its_server_dns_and_the_api(
    station: DummyStation, addresses: dict[str, str]
):
    found = reached(station, addresses, "deployment/v6-node", "-n", NAMESPACE, "-c", "node")
    assert found == {"server", "API server", "API server's machine", "DNS", "a name"}


def test_the_proxy_reaches_its_server_dns_and_the_web(
    station: DummyStation, addresses: dict[str, str]
):
    """The dummy server's proxy is a stand-in for a proxy that calls the outside."""
    found = reached(station, addresses, "deployment/v6proxy", "-n", NAMESPACE)
    assert found == {"server", "DNS", "outside", "a name"}
