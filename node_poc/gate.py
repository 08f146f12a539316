"""The gate: waits in an algorithm's pod until the pod's NetworkPolicies are in force.

Some clusters apply a pod's policies up to a second after the pod has started, and never cut a
connection that was made before (kube-router, whose policy controller k3s contains). Therefore this
program runs as the init container of the pod: with the algorithm's address and network, without
data, before the algorithm. The program tries an address that the policies forbid and that certainly
answers, the API server. The gate opens when the API server is out of reach and the proxy answers.
An API server that restarts is out of reach, too, and just then new policies are late: therefore the
kubelet of the pod's own machine must be out of reach as well.

The program has to start within some milliseconds: standard library only, run by ``python -I -S``.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence

OPEN, NOT_OPEN, WRONG_USE = 0, 3, 2

# A connection within the cluster takes some milliseconds. Policies that drop packets, instead of
# refusing connections, cost this time for each attempt.
_TRY_SECONDS = 0.25
_PAUSE_SECONDS = 0.02
# A lost packet alone must not open the gate.
_REFUSALS = 3

_KUBELET_PORT = 10250
_ROUTES, _IPV6_ROUTES = "/proc/net/route", "/proc/net/ipv6_route"

Address = tuple[str, int]


def connects(address: Address) -> bool:
    """Return whether a TCP connection to ``address`` can be made."""
    try:
        socket.create_connection(address, timeout=_TRY_SECONDS).close()
    except OSError:
        return False
    return True


def machine_address(routes: str, ipv6_routes: str = "") -> str:
    """Return the address of the default route, which is the pod's own machine; empty without.

    A pod without IPv4 has a default route of IPv6 only.

    Args:
        routes: the text of ``/proc/net/route``.
        ipv6_routes: the text of ``/proc/net/ipv6_route``.
    """
    for line in routes.splitlines()[1:]:
        columns = line.split()
        if len(columns) > 2 and columns[1] == "00000000" and columns[2] != "00000000":
            return socket.inet_ntoa(struct.pack("<I", int(columns[2], 16)))
    for line in ipv6_routes.splitlines():
        columns = line.split()
        if len(columns) > 9 and columns[1] == "00" and columns[4].strip("0"):
            address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(columns[4]))
            # A link-local address means something on its interface only.
            return f"{address}%{columns[9]}" if address.startswith("fe80:") else address
    return ""


def own_machine() -> str:
    """Return ``machine_address`` of this process; empty if the kernel shows no route."""
    return machine_address(_read(_ROUTES), _read(_IPV6_ROUTES))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  pathlib takes long to import
            return file.read()
    except OSError:
        return ""


def kubelet() -> list[Address]:
    """Return the address of the kubelet of this pod's machine; none if the machine is unknown."""
    host = own_machine()
    return [(host, _KUBELET_PORT)] if host else []


def wait_for_walls(
    forbidden: Sequence[Address],
    proxy: Address,
    seconds: float,
    try_to: Callable[[Address], bool] = connects,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Return True once the policies are in force, and False if they are not after ``seconds``.

    Args:
        forbidden: addresses that the policies forbid, and that answer without them; the first is
            tried all the time, the others before the gate opens.
        proxy: the address of the proxy, which the policies allow. Without its answer, a network
            that is not up yet would look like policies in force.
        seconds: the limit.
        try_to: tries a connection.
        clock: returns monotonic seconds.
        sleep: waits for some seconds.
    """
    ends_at, refusals = clock() + seconds, 0
    while clock() < ends_at:
        refusals = 0 if try_to(forbidden[0]) else refusals + 1
        if refusals >= _REFUSALS and try_to(proxy) and not any(map(try_to, forbidden)):
            return True
        sleep(_PAUSE_SECONDS)
    return False


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Wait for the policies of this pod; return the exit code.

    Args:
        arguments: limit in seconds, host and port of the proxy.
        environment: Kubernetes sets the API server's address in each container.
    """
    try:
        seconds, host, port = arguments
        proxy, limit = (host, int(port)), float(seconds)
        api = environment["KUBERNETES_SERVICE_HOST"], int(environment["KUBERNETES_SERVICE_PORT"])
    except (KeyError, ValueError) as error:
        print(f"gate: SECONDS HOST PORT and the API server's address: {error}", file=sys.stderr)
        return WRONG_USE
    began = time.monotonic()
    is_open = wait_for_walls([api, *kubelet()], proxy, limit)
    outcome = "the walls are up" if is_open else "the walls are not up"
    print(f"gate: {outcome} after {time.monotonic() - began:.3f} s", file=sys.stderr)
    return OPEN if is_open else NOT_OPEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
