"""Listening sockets for all addresses of a pod: of IPv4, of IPv6, or of both."""

from __future__ import annotations

import socket


def listen_on_all(port: int, backlog: int) -> socket.socket:
    """Return a socket that listens on a TCP port of all addresses.

    A cluster may have IPv4 only, IPv6 only, or both. A socket of IPv6 serves both; a kernel without
    IPv6 gets a socket of IPv4.

    Args:
        port: the port; 0 for a free one.
        backlog: connections that wait for the program.

    Raises:
        OSError: the port cannot be listened on.
    """
    if socket.has_dualstack_ipv6():
        return socket.create_server(
            ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=backlog
        )
    return socket.create_server(("", port), backlog=backlog)
