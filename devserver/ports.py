"""Free ports for programs that listen only later, or again after a restart."""

from __future__ import annotations

import random
import socket

from devserver.errors import DevServerError

# Below the ports that Linux gives to outgoing connections (32768 and above) and to services of a
# cluster (30000 and above): no connection of another program takes a port in the meantime.
_PORTS = range(20_000, 30_000)
# Not from a seed: pytest-randomly seeds each test alike, and tests that begin together in two
# processes would try the same ports in the same order.
_DICE = random.SystemRandom()


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port of this address on which no program listens. Raise DevServerError."""
    for port in _DICE.sample(_PORTS, 100):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((address, port))
            except OSError:
                continue
            return port
    raise DevServerError(f"no port is free at {address}")
