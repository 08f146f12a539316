"""The protocol between the socket and aiohttp: limits of connections, heads and silence.

aiohttp's server waits without limit for the first request of a connection, and reads on while it
handles a request. The guard gives aiohttp one request at a time. The guard reads a few kilobytes of
the next request, to notice a disconnect of the caller; the rest waits on the caller's machine.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus

from node_poc.proxy import headers
from node_poc.proxy.connections import Connections, Place
from node_poc.proxy.framing import Framing, HeadTooLargeError

_MOST_READ_AHEAD = 4096
# All connections share one read buffer: the event loop fills the buffer and calls `buffer_updated`,
# and nothing runs between the two.
_SHARED = memoryview(bytearray(1 << 16))


class Guard(asyncio.BufferedProtocol):
    """One connection: hand requests on to aiohttp's protocol, one after the other."""

    def __init__(
        self,
        inner: asyncio.Protocol,
        connections: Connections,
        refused: Callable[[str, str], None],
    ) -> None:
        """Guard one connection.

        Args:
            inner: aiohttp's protocol.
            connections: the places of all connections.
            refused: called with the caller's address and the reason of a refusal.
        """
        limits = connections.limits
        self._inner = inner
        self._connections = connections
        self._refused = refused
        self._framing = Framing(limits.head_bytes, limits.head_lines)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._place: Place | None = None
        self._rest = b""
        self._is_answered = False
        self._is_paused = False
        self._is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the connection, or close it at once if there are too many."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  always so for TCP
        self._transport = transport
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if peer else "?"
        self._place = self._connections.take(address, self._make_room)
        if self._place is None:
            self._refused(address, "too many connections at one time")
            transport.abort()
            return
        self._inner.connection_made(transport)
        self._wait(self._connections.limits.header_seconds)

    def _make_room(self) -> None:
        if self._place is not None:
            self._refused(self._place.address, "closed to make room: it holds most connections")
        self._time_is_over()

    def begin_request(self) -> None:
        """Note that a whole head has come: the handler limits the time from here on."""
        self._stop_waiting()

    def end_request(self) -> None:
        """Wait for the next request, for a limited time."""
        if self._transport is None:
            return
        self._wait(self._connections.limits.idle_seconds)
        self._is_answered = True
        # Later, not now: aiohttp still has to write the handler's answer.
        asyncio.get_running_loop().call_soon(self._go_on)

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._time_is_over)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_over(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer; its size limits how many bytes come at one time."""
        del sizehint
        return _SHARED[: self._framing.wanted_bytes]

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on the bytes of the current request."""
        if self._place is not None and not self._is_refused:
            self._rest += _SHARED[:nbytes]
            self._go_on()

    def _go_on(self) -> None:
        while self._transport is not None and not self._is_refused:
            if self._framing.is_over:
                if not self._is_answered:
                    break
                self._begin_next()
            if not self._rest:
                break
            self._take_rest()
        self._pace()

    def _begin_next(self) -> None:
        assert self._place is not None  # noqa: S101  nothing is read without one
        self._is_answered = False
        self._framing.begin()
        self._connections.set_head_bytes(self._place, 0)
        self._connections.set_busy(self._place, is_busy=False)

    def _take_rest(self) -> None:
        assert self._place is not None  # noqa: S101  nothing is read without one
        was_in_head, size_before = self._framing.is_in_head, self._framing.head_size
        try:
            ready, self._rest = self._framing.take(self._rest)
        except HeadTooLargeError as error:
            reason = f"{error}; send fewer and shorter ones"
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, reason)
            return
        if was_in_head and not size_before and self._framing.head_size:
            self._wait(self._connections.limits.header_seconds)
        if not self._connections.set_head_bytes(self._place, self._framing.head_size):
            most = self._connections.limits.head_bytes_of_one
            reason = f"this pod's open requests have heads of more than {most} bytes together"
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, f"{reason}; send fewer at one time")
            return
        if was_in_head and not self._framing.is_in_head:
            self._connections.set_busy(self._place, is_busy=True)
        if ready:
            self._inner.data_received(ready)

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Answer instead of aiohttp, which has seen no byte of the request, and close."""
        assert self._transport is not None  # noqa: S101  a request came
        assert self._place is not None  # noqa: S101  the same
        self._is_refused = True
        self._rest = b""
        self._refused(self._place.address, reason)
        body = json.dumps({"msg": reason}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nServer: {headers.NAME}\r\n"
            "Content-Type: application/json; charset=utf-8\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self._transport.write_eof()  # go on reading, or the caller never sees the answer
        self._wait(1.0)

    def _pace(self) -> None:
        """Stop reading while a request is being handled and the next request has started."""
        if self._transport is None:
            return
        is_full = self._framing.is_over and len(self._rest) >= _MOST_READ_AHEAD
        if is_full:
            self._transport.pause_reading()
        elif self._is_paused:
            self._transport.resume_reading()
        self._is_paused = is_full

    def eof_received(self) -> bool | None:
        """Hand on to aiohttp."""
        return self._inner.eof_received() if self._place is not None else None

    def pause_writing(self) -> None:
        """Hand on to aiohttp."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on to aiohttp."""
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Hand on to aiohttp, and free the place for another connection."""
        self._stop_waiting()
        self._transport = None
        self._rest = b""
        if self._place is not None:
            self._connections.give_back(self._place)
            self._inner.connection_lost(error)
