"""The NetworkPolicies of algorithm pods work: the same probe runs with and without them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devstation import DummyStation
from node_poc.manifests import identity
from tests.cluster.probes import (
    algorithm_pod,
    listener,
    open_neighbour,
    pod_address,
    what_pods_reach,
)
from tests.cluster.station import NAMESPACE

OTHER = "v6-test-other"


@pytest.fixture
def neighbour(station: DummyStation) -> Iterator[str]:
    """Return the address and port of a pod in another namespace, which is open to every pod."""
    with open_neighbour(station, OTHER) as address:
        yield address


@pytest.fixture
def addresses(station: DummyStation, neighbour: str) -> dict[str, str]:
    """Return every address that an algorithm could try, by name."""

    def service(name: str, namespace: str) -> str:
        (found,) = station.cluster.get(
            "services", f"--field-selector=metadata.name={name}", namespace=namespace
        )
        return str(found["spec"]["clusterIP"])

    return {
        "proxy": f"{service('v6proxy', NAMESPACE)}:8080",
        "outside": station.cluster.outside,
        "another pod": neighbour,
        "API server": f"{service('kubernetes', 'default')}:443",
        "the machine": f"{station.cluster.server_ip}:5055",
    }


@pytest.fixture
def without_policies(station: DummyStation) -> Iterator[None]:
    """Remove the NetworkPolicies, and put them back afterwards."""
    policies = [item for item in station.objects() if item["kind"] == "NetworkPolicy"]
    station.cluster.delete(*policies)
    yield
    station.cluster.apply(*policies)


def reached(station: DummyStation, addresses: dict[str, str], pods: int) -> list[set[str]]:
    """Return the names of the addresses that each of several algorithm pods reached."""
    made = [algorithm_pod(station, n + 1, list(addresses.values())) for n in range(pods)]
    return [
        {name for name, address in addresses.items() if told[address] == "open"}
        for told in what_pods_reach(station, made)
    ]


def test_without_the_policies_the_probe_reaches_everything(
    station: DummyStation, addresses: dict[str, str], without_policies: None
):
    """The control: the policies, and nothing else, close the addresses in the tests below."""
    assert reached(station, addresses, 1) == [set(addresses)]


def test_with_the_policies_ten_pods_reach_the_proxy_only_from_their_first_packet(
    station: DummyStation, addresses: dict[str, str]
):
    # The forbidden addresses come first, because the pod's first packet must be forbidden.
    ordered = {name: addresses[name] for name in sorted(addresses, key=lambda n: n == "proxy")}
    assert reached(station, ordered, 10) == [{"proxy"}] * 10


def test_an_algorithm_of_another_node_does_not_reach_this_nodes_proxy(
    station: DummyStation, addresses: dict[str, str]
):
    own, stranger = (algorithm_pod(station, n, [addresses["proxy"]]) for n in (3, 4))
    stranger["metadata"]["labels"][identity.LABEL_NODE] = identity.slug("another")
    told_own, told_stranger = what_pods_reach(station, [own, stranger])
    assert told_own[addresses["proxy"]] == "open"
    assert told_stranger[addresses["proxy"]].startswith("closed")


def test_nobody_reaches_an_algorithm_pod(station: DummyStation, neighbour: str):
    labels = identity.Identity("v6-node").labels(77, "proxy")
    target = listener(station, "target", labels, NAMESPACE)
    station.cluster.apply(target)
    address = f"{pod_address(station, target)}:8080"
    try:
        stranger = algorithm_pod(station, 5, [address, neighbour], OTHER)
        stranger["metadata"]["labels"] = {}
        sibling = algorithm_pod(station, 6, [address])
        told_stranger, told_sibling = what_pods_reach(station, [stranger, sibling])
    finally:
        station.cluster.delete(target)
    assert told_stranger[neighbour] == "open"
    assert told_stranger[address].startswith("closed")
    assert told_sibling[address].startswith("closed")


def test_the_algorithm_itself_tells_that_it_is_walled_in(station: DummyStation):
    log = station.run(station.payload())["log"]
    assert f"network: outbound access to {station.cluster.outside} is disabled" in log
    assert "network: proxy v6proxy.v6proxy-subdomain.v6-jobs:8080 is reachable" in log
    assert "network: DNS lookups are disabled" in log
