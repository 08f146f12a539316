"""What a pod knows of its own machine, addresses and process."""

from __future__ import annotations

import os
import socket

#: In place of an address: the pod's machine.
MACHINE = "machine"
_MOST_ADDRESSES = 4

# Family, and the address as ``socket`` takes it.
Address = tuple[int, tuple[str | int, ...]]


def seconds_since_start() -> float:
    """Return how long this process has been there; 0 if the machine does not tell."""
    try:
        # The name in parentheses may contain blanks; the start follows as the 20th field.
        ticks = int(read_text("/proc/self/stat").rpartition(")")[2].split()[19])
        uptime = float(read_text("/proc/uptime").split()[0])
        return max(0.0, uptime - ticks / os.sysconf("SC_CLK_TCK"))
    except (ValueError, IndexError):
        return 0.0


def ipv6_addresses(interfaces: str) -> list[str]:
    """Return the IPv6 addresses of this pod, link-local ones with their interface.

    Args:
        interfaces: the text of ``/proc/net/if_inet6``.
    """
    found = []
    for line in interfaces.splitlines():
        digits, _, _, scope, _, name = line.split()
        address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))
        if scope != "10":  # the loopback's own
            found.append(f"{address}%{name}" if scope == "20" else address)
    return found[:_MOST_ADDRESSES]


def address_of(host: str, port: int, machine: str) -> Address | None:
    """Return a target's address for ``WayTester``; None if this pod knows no such address.

    Args:
        host: an IP address, or ``MACHINE``.
        port: the port.
        machine: the address that ``MACHINE`` stands for; empty if unknown.
    """
    given = machine if host == MACHINE else host
    try:
        family, _, _, _, address = socket.getaddrinfo(
            given or "none", port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )[0]
    except OSError:
        return None
    return int(family), tuple(
        each.decode() if isinstance(each, bytes) else each for each in address
    )


def read_text(path: str) -> str:
    """Return the text of a file; empty if the file cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  pathlib takes long to import
            return file.read()
    except OSError:
        return ""
