"""Connections that say nothing are closed, and no caller holds more than its share of them.

aiohttp's server waits for ever for the first request of a connection. This protocol stands between
it and the socket.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from node_poc.proxy.settings import Limits


class Connections:
    """All connections that are open, by the address they come from."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._count: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Whether one more from this address is allowed; counts it if so."""
        limits = self.limits
        if self._count.total() >= limits.connections:
            return False
        if self._count[address] >= limits.connections_of_one:
            return False
        self._count[address] += 1
        return True

    def give_back(self, address: str) -> None:
        """One from this address is closed."""
        self._count[address] -= 1
        if not self._count[address]:
            del self._count[address]


class Guard(asyncio.Protocol):
    """One connection: hands everything on to aiohttp's protocol, unless its time is over."""

    def __init__(
        self,
        inner: asyncio.Protocol,
        connections: Connections,
        refused: Callable[[str, str], None],
    ) -> None:
        """`refused` is told the caller's address and why."""
        self._inner = inner
        self._connections = connections
        self._refused = refused
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._address = "?"
        self._counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or close at once if there are too many."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  TCP always is
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else "?"
        self._counted = self._connections.take(self._address)
        if not self._counted:
            self._refused(self._address, "too many connections at one time")
            transport.abort()
            return
        self._inner.connection_made(transport)
        self._wait(self._connections.limits.header_seconds)

    def begin_request(self) -> None:
        """A whole head of a request has come: its handler minds the time from here on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end_request(self) -> None:
        """The next request may take its time, but not for ever."""
        if self._transport is not None:
            self._wait(self._connections.limits.idle_seconds)

    def _wait(self, seconds: float) -> None:
        self.begin_request()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._time_is_over)

    def _time_is_over(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand on."""
        if self._counted:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on."""
        return self._inner.eof_received() if self._counted else None

    def pause_writing(self) -> None:
        """Hand on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on."""
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Hand on, and make room for another."""
        self.begin_request()
        self._transport = None
        if self._counted:
            self._connections.give_back(self._address)
            self._inner.connection_lost(error)
