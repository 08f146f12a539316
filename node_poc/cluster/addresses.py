"""Look up names with the node's own DNS: algorithm pods have no DNS."""

from __future__ import annotations

import socket
import threading
import time

import structlog

log = structlog.get_logger(__name__)

_KEPT_SECONDS = 60.0


def look_up(host: str) -> tuple[str, ...]:
    """Return a name's IP addresses, in no special order; none if the name has none or DNS fails."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class Addresses:
    """A cache of names and their addresses; an entry is valid for a minute. Thread-safe."""

    def __init__(self) -> None:
        """Start empty: ``of`` looks up a name when it is first called with the name."""
        self._found: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def of(self, host: str) -> str | None:
        """Return one address of a name, the same for a minute; None if none was ever found.

        When a lookup fails, the address found before stays valid.
        """
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
