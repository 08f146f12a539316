"""Answer the kubelet's probes in the proxy's event loop, without the cost of a web server."""

from __future__ import annotations

import asyncio

from node_poc import probes

_HEAD_SECONDS = 5.0
_MOST_OPEN = 64
_CHECKS = {"/healthz": lambda: True, "/readyz": lambda: True}


class Probed(asyncio.Protocol):
    """One connection. Silent connections are closed after a while, the oldest if there are many."""

    def __init__(self, others: dict[Probed, asyncio.Transport]) -> None:
        """Keep the connection in ``others``: all open connections of this port."""
        self._others = others
        self._head = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait a limited time for a request."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  always so for a TCP server
        if len(self._others) >= _MOST_OPEN:
            oldest = next(iter(self._others))
            self._others.pop(oldest).abort()
        self._others[self] = transport
        self._timer = asyncio.get_running_loop().call_later(_HEAD_SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Answer once the head is complete."""
        self._head += data
        transport = self._others.get(self)
        if transport is not None and probes.is_whole(self._head):
            transport.write(probes.answer(self._head, _CHECKS))
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        del exc
        self._others.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()


class ProbedPort:
    """Make the protocol of each connection; ``close`` ends the open connections."""

    def __init__(self) -> None:
        """Start without open connections."""
        self._open: dict[Probed, asyncio.Transport] = {}

    def __call__(self) -> Probed:
        """Return the protocol of a new connection."""
        return Probed(self._open)

    def close(self) -> None:
        """Abort all open connections."""
        for transport in list(self._open.values()):
            transport.abort()
