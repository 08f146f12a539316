"""Look up names with the node's own DNS: algorithm pods have no DNS."""

from __future__ import annotations

import socket
import threading
import time

import structlog

log = structlog.get_logger(__name__)

_KEPT_SECONDS = 60.0
# A look-up may wait for seconds until DNS fails, and a burst of runs asks for one name many times.
# Short, because a run whose database has no address fails although DNS may be back.
_FAILURE_KEPT_SECONDS = 5.0


def look_up(host: str) -> tuple[str, ...]:
    """Return a name's IP addresses, in no special order; none if the name has none or DNS fails."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class Addresses:
    """A cache of names and their addresses. Thread-safe.

    An address is valid for a minute, a failure for five seconds.
    """

    def __init__(self, *, by_ipv6: bool = False) -> None:
        """Start empty: ``of`` looks up a name when it is first called with the name.

        Args:
            by_ipv6: whether a name with addresses of both kinds gets one of IPv6, because the pods
                of the cluster have IPv6 addresses first.
        """
        self._by_ipv6 = by_ipv6
        # By name: until when the entry is valid, and the address; None if there never was any.
        self._found: dict[str, tuple[float, str | None]] = {}
        self._lock = threading.Lock()

    def _rank(self, address: str) -> tuple[bool, str]:
        return (":" in address) != self._by_ipv6, address

    def of(self, host: str) -> str | None:
        """Return one address of a name, the same for a minute; None if none was ever found.

        When a lookup fails, the address found before stays valid, and the next lookup comes after
        five seconds at the earliest.
        """
        now = time.monotonic()
        with self._lock:
            valid_until, address = self._found.get(host, (float("-inf"), None))
        if now < valid_until:
            return address
        addresses = sorted(look_up(host), key=self._rank)
        answered_at = time.monotonic()
        if addresses:
            valid_until, address = answered_at + _KEPT_SECONDS, addresses[0]
        else:
            log.warning("name not found: no algorithm can reach it", host=host)
            valid_until = answered_at + _FAILURE_KEPT_SECONDS
        with self._lock:
            self._found[host] = (valid_until, address)
        return address
