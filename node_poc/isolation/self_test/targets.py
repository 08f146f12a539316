"""PURE: the destinations that the pods of the self-test try."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node_poc.config.model import NodeConfig

#: In place of an address: the machine on which the pod runs, by the pod's default route.
MACHINE = "machine"
#: The port on which each pod of the self-test listens.
LISTEN_PORT = 8099
TEST_SECONDS = 10.0
#: The time of a test that sees an open way, until the way is closed: policies of a busy cluster may
#: need many seconds.
MOST_SECONDS = 30.0
COMMAND = "test-walls"
#: The end of the way to a pod by an IPv6 address.
BY_IPV6 = " by IPv6"
_METADATA = "169.254.169.254"
# Of EC2: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
_IPV6_METADATA = "fd00:ec2::254"
_KUBELET_PORT = 10250
_DNS_PORT = 53


@dataclass(frozen=True)
class Target:
    """A destination.

    Attributes:
        way: the way there, in words for people.
        protocol: ``tcp``, or ``udp`` for a question to a name server.
        host: an IP address, or ``MACHINE``.
        port: the port.
    """

    way: str
    protocol: str
    host: str
    port: int


@dataclass(frozen=True)
class Surroundings:
    """What the node knows of the addresses around it; what is not known is left empty.

    Attributes:
        proxy: address of the proxy's Service.
        api: address and port of the API server's Service.
        api_machines: addresses and ports of the API server on its machines.
        name_servers: addresses of the cluster's name servers.
        node: address and port of the node's own health server.
        server: addresses and port of the vantage6 server.
        further: addresses and ports of ``kubernetes.walls.self_test_addresses``.
    """

    proxy: str | None = None
    api: tuple[str, int] | None = None
    api_machines: tuple[tuple[str, int], ...] = ()
    name_servers: tuple[str, ...] = ()
    node: tuple[str, int] | None = None
    server: tuple[tuple[str, int], ...] = ()
    further: tuple[tuple[str, int], ...] = ()


def forbidden_targets(config: NodeConfig, around: Surroundings) -> tuple[Target, ...]:
    """Return the targets that are known before any pod of the test exists."""
    found = [
        *_tcp("the API server's Service", [around.api] if around.api else []),
        *_tcp("the API server's machine", around.api_machines),
        *_tcp("the kubelet of its machine", [(MACHINE, _KUBELET_PORT)]),
        *_tcp("the cloud's metadata", [(host, 80) for host in _metadata(around)]),
        *(Target("DNS by UDP", "udp", host, _DNS_PORT) for host in around.name_servers),
        *_tcp("DNS by TCP, in another namespace", [(h, _DNS_PORT) for h in around.name_servers]),
        *_tcp("the node's pod", [around.node] if around.node else []),
        *_tcp("the server", around.server),
        *_tcp("an address of self_test_addresses", around.further),
    ]
    return closed_by(config, found)


def _metadata(around: Surroundings) -> Iterator[str]:
    """Yield the addresses of the metadata; of IPv6 only where the cluster has IPv6."""
    yield _METADATA
    known = [around.proxy, *(each[0] for each in (around.api, around.node) if each)]
    if any(":" in each for each in (*known, *around.name_servers) if each):
        yield _IPV6_METADATA


def pod_targets(config: NodeConfig, way: str, addresses: Sequence[str]) -> tuple[Target, ...]:
    """Return the targets for another pod of the test, by its addresses."""
    found = [
        Target(f"{way}{BY_IPV6}" if ":" in address else way, "tcp", address, LISTEN_PORT)
        for address in addresses
    ]
    return closed_by(config, found)


def closed_by(config: NodeConfig, targets: Sequence[Target]) -> tuple[Target, ...]:
    """Return the targets that the configuration does not open for algorithms, each once."""
    closed = (each for each in targets if not is_opened(config, each.host, each.port))
    return tuple(dict.fromkeys(closed))


def is_opened(config: NodeConfig, host: str, port: int) -> bool:
    """Return whether the configuration's ``whitelist`` opens an address and port."""
    if port not in config.whitelist.open_ports:
        return False
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    networks = (ipaddress.ip_network(each, strict=False) for each in config.whitelist.ips)
    return any(address in network for network in networks)


def plan_of(
    targets: Sequence[Target], stay_seconds: float = 0.0, most_seconds: float = MOST_SECONDS
) -> str:
    """Return the plan of one pod, the argument of the program in ``node_poc/tester``.

    Args:
        targets: the destinations; the report has the same order.
        stay_seconds: how long the pod listens on, from its start.
        most_seconds: how long the pod tries while a way is open.
    """
    lines = [f"{TEST_SECONDS} {most_seconds} {stay_seconds} {LISTEN_PORT}"]
    lines += [f"{each.protocol} {each.host} {each.port}" for each in targets]
    return "\n".join(lines)


def _tcp(way: str, addresses: Sequence[tuple[str, int]]) -> Iterator[Target]:
    for host, port in addresses:
        yield Target(way, "tcp", host, port)
