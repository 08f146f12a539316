"""Finds the addresses around the node, as the self-test of the walls tries them."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from node_poc.cluster.addresses import look_up
from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import ClusterError
from node_poc.cluster.objects import ClusterObjects
from node_poc.config.model import NodeConfig
from node_poc.config.walls import host_and_port
from node_poc.gate import own_machine
from node_poc.isolation.self_test.targets import MACHINE, Surroundings, Target
from node_poc.tester.machine import address_of
from node_poc.tester.tries import WayTester

_RESOLVER = Path("/etc/resolv.conf")
_MOST_ADDRESSES = 3
_DEFAULT_PORTS = {"http": 80, "https": 443}
Address = tuple[str, int]


def look_around(
    config: NodeConfig, api: KubernetesApi, objects: ClusterObjects, health_port: int
) -> Surroundings:
    """Return what is known of the addresses around the node.

    Outside of a pod, the node knows neither the API server's Service nor the cluster's DNS.

    Raises:
        ClusterError: the API server does not answer.
    """
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    service = host_and_port(f"{_bracketed(host)}:{os.environ.get('KUBERNETES_SERVICE_PORT', '')}")
    own = _own_address(service) if service else None
    return Surroundings(
        proxy=objects.service_address(config.kubernetes.proxy.service),
        api=service,
        api_machines=tuple(_usable(_api_machines(api))),
        name_servers=tuple(_name_servers(_RESOLVER.read_text())) if service else (),
        node=(own, health_port) if own else None,
        server=tuple(_usable(_server(config))),
        further=tuple(_further(config.kubernetes.walls.self_test_addresses)),
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _own_address(peer: Address) -> str | None:
    """Return the address of this machine or pod that faces ``peer``; sends nothing."""
    with contextlib.suppress(OSError), _udp_socket(peer[0]) as probe:
        probe.connect(peer)
        return str(probe.getsockname()[0])
    return None


def _udp_socket(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)


def _api_machines(api: KubernetesApi) -> Iterator[Address]:
    """Yield the addresses that the API server itself tells all its clients."""
    try:
        told = api.call("GET", "/api").get("serverAddressByClientCIDRs") or []
    except ClusterError as error:
        if error.status in {403, 404}:
            return
        raise
    for each in told[:_MOST_ADDRESSES]:
        if address := host_and_port(str(each.get("serverAddress", ""))):
            yield address


def _name_servers(text: str) -> Iterator[str]:
    lines = (line.split() for line in text.splitlines())
    return iter([line[1] for line in lines if line[:1] == ["nameserver"] and line[1:]][:2])


def _server(config: NodeConfig) -> Iterator[Address]:
    url = urlsplit(config.server_address)
    port = url.port or _DEFAULT_PORTS.get(url.scheme, 443)
    for address in look_up(url.hostname or "")[:_MOST_ADDRESSES]:
        yield address, port


def _further(texts: Iterable[str]) -> Iterator[Address]:
    for text in texts:
        host, port = host_and_port(text) or ("", 0)
        if host == MACHINE:
            yield host, port
        else:
            yield from ((address, port) for address in look_up(host)[:_MOST_ADDRESSES])


def _usable(addresses: Iterable[Address]) -> Iterator[Address]:
    """Yield the addresses that mean the same in each pod."""
    for host, port in addresses:
        with contextlib.suppress(ValueError):
            if not ipaddress.ip_address(host).is_loopback:
                yield host, port


def reached_from_here(targets: Sequence[Target], seconds: float) -> list[Target]:
    """Try targets from this process; return those that answered.

    No policy restricts the ways of the node. A target that answers the node is up, and the walls
    alone can keep a pod from the target.
    """
    machine = own_machine()
    addresses = [(each.protocol, address_of(each.host, each.port, machine)) for each in targets]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tester = WayTester(addresses, listener)
        try:
            tester.try_for(seconds)
        finally:
            tester.close()
    return [each for each, seen in zip(targets, tester.seen, strict=True) if seen.through]
