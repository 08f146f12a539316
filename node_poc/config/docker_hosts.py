"""PURE: names and addresses with a meaning only for Docker containers on the same machine.

vantage6's documentation advises ``172.17.0.1`` on Linux, which is the machine's address on Docker's
bridge as seen from containers, and ``host.docker.internal`` elsewhere. Pods are on another network.
"""

from __future__ import annotations

import ipaddress

# Docker's first bridge, the bridges that Docker creates for networks (docker compose), and podman's
# bridge.
_BRIDGES = [
    *(ipaddress.ip_address(f"172.{second}.0.1") for second in range(17, 32)),
    ipaddress.ip_address("10.88.0.1"),
]
_NAMES = {"host-gateway", "host.containers.internal", "gateway.containers.internal"}
_PARTS = (".docker.internal", ".docker.for.mac.localhost", ".lima.internal")
_BEGINNINGS = ("docker.for.mac.", "docker.for.win.")


def why_unreachable(host: str) -> str | None:
    """Return why pods cannot, or most likely cannot, reach this host; None if they may."""
    host = host.lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _why_name(host)
    if address.is_loopback or address.is_unspecified:
        return f"{host} is the pod itself, where the node runs in one"
    if address in _BRIDGES:
        return f"{host} is the machine as Docker's own containers see it, and pods are none"
    return None


def is_bridge(network: str) -> bool:
    """Return whether an address or a small network contains the machine's address on a bridge."""
    try:
        found = ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
    first = ipaddress.ip_address(network.partition("/")[0])
    small = found.prefixlen >= (16 if found.version == 4 else 64)
    return small and (first in _BRIDGES or any(bridge in found for bridge in _BRIDGES))


def _why_name(host: str) -> str | None:
    if host == "localhost" or host.endswith(".localhost"):
        return f"{host} is the pod itself, where the node runs in one"
    if host in _NAMES or host.endswith(_PARTS) or host.startswith(_BEGINNINGS):
        return f"{host} is known in Docker only"
    return None
