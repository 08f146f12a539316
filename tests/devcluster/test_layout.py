"""Names and addresses: one number gives all of them, and no two instances share any."""

import ipaddress
from itertools import combinations

import pytest

from devcluster.errors import UsageError
from devcluster.layout import MAX_INDEX, MAX_NODES, Layout


def test_the_default_cluster_has_the_documented_addresses() -> None:
    layout = Layout()
    assert layout.name == "v6dev0"
    assert layout.host_ip == "172.30.0.1"
    assert layout.node_ip(1) == "172.30.0.2"
    assert layout.pod_cidr == "10.42.0.0/16"
    assert layout.service_cidr == "10.96.0.0/16"
    assert layout.registry == "172.30.0.1:5001"
    assert layout.outside == "198.51.100.10:80"
    assert str(layout.kubeconfig) == "/var/lib/v6-devcluster/v6dev0/admin.conf"


def _networks(layout: Layout) -> list[ipaddress.IPv4Network]:
    texts = (layout.node_network, layout.pod_cidr, layout.service_cidr, f"{layout.outside_ip}/32")
    return [ipaddress.IPv4Network(text) for text in texts]


def test_no_two_networks_of_any_instances_overlap() -> None:
    networks = [net for index in range(MAX_INDEX + 1) for net in _networks(Layout(index))]
    assert not [pair for pair in combinations(networks, 2) if pair[0].overlaps(pair[1])]


@pytest.mark.parametrize("index", range(MAX_INDEX + 1))
def test_addresses_lie_in_their_networks(index: int) -> None:
    layout = Layout(index)
    network = ipaddress.IPv4Network(layout.node_network)
    addresses = [layout.host_ip, layout.gateway_ip]
    addresses += [layout.node_ip(n) for n in range(1, MAX_NODES + 1)]
    assert len(set(addresses)) == len(addresses)
    assert all(ipaddress.IPv4Address(address) in network for address in addresses)
    services = ipaddress.IPv4Network(layout.service_cidr)
    assert {
        ipaddress.IPv4Address(a) in services for a in (layout.dns_ip, layout.api_service_ip)
    } == {True}
    assert len(layout.name) <= 15  # a link's name


def test_an_instance_is_found_by_its_name() -> None:
    assert Layout.from_name("v6dev3") == Layout(3)


@pytest.mark.parametrize(
    "name", ["", "v6dev", "v6dev10", "v6dev-1", "other", "../v6dev1", "v6dev1 "]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        Layout.from_name(name)


@pytest.mark.parametrize("index", [-1, 10, 1000])
def test_other_indexes_are_refused(index: int) -> None:
    with pytest.raises(UsageError):
        Layout(index)


@pytest.mark.parametrize("number", [-1, 0, MAX_NODES + 1])
def test_other_nodes_are_refused(number: int) -> None:
    with pytest.raises(UsageError):
        Layout().node_ip(number)
