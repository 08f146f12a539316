"""Looks names up as this process sees them; algorithm pods have no DNS of their own."""

from __future__ import annotations

import socket
import threading
import time

import structlog

log = structlog.get_logger(__name__)

_KEPT_SECONDS = 60.0


def look_up(host: str) -> tuple[str, ...]:
    """The IP addresses of a name, in no special order; empty if it has none, or DNS is away."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class Addresses:
    """Names and their addresses, looked up again after a minute. Safe for several threads."""

    def __init__(self) -> None:
        """Nothing is looked up before it is asked for."""
        self._found: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def of(self, host: str) -> str | None:
        """One address of the name, the same for a minute; None if it has none now."""
        now = time.monotonic()
        with self._lock:
            age, address = self._found.get(host, (float("-inf"), ""))
        if now - age < _KEPT_SECONDS:
            return address
        addresses = sorted(look_up(host), key=lambda each: (":" in each, each))
        if not addresses:
            log.warning("name not found: no algorithm can reach it", host=host)
            return address or None
        with self._lock:
            self._found[host] = (now, addresses[0])
        return addresses[0]
