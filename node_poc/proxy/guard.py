"""What stands between a socket and aiohttp: limits of connections, of heads, and of silence.

aiohttp's server waits for ever for the first request of a connection, and reads on while one is in
hand. This protocol gives it one request at a time. Of what follows some kilobytes are read, so
that a caller who goes away is noticed, and the rest waits in the caller's own machine.
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
# All connections read into the same memory: the loop fills it and calls `buffer_updated`, with
# nothing between the two.
_SHARED = memoryview(bytearray(1 << 16))


class Guard(asyncio.BufferedProtocol):
    """One connection: hands requests on to aiohttp's protocol, one after the other."""

    def __init__(
        self,
        inner: asyncio.Protocol,
        connections: Connections,
        refused: Callable[[str, str], None],
    ) -> None:
        """`refused` is told the caller's address and why."""
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
        """Begin, or close at once if there are too many."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  TCP always is
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
        """A whole head of a request has come: its handler minds the time from here on."""
        self._stop_waiting()

    def end_request(self) -> None:
        """The next request may take its time, but not for ever."""
        if self._transport is None:
            return
        self._wait(self._connections.limits.idle_seconds)
        self._is_answered = True
        # Soon, not now: what the handler returned is still to be written.
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
        """Say how much may come at one time."""
        del sizehint
        return _SHARED[: self._framing.wanted_bytes]

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what belongs to the request in hand."""
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
            told = f"{error}; send fewer and shorter ones"
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, told)
            return
        if was_in_head and not size_before and self._framing.head_size:
            self._wait(self._connections.limits.header_seconds)
        if not self._connections.set_head_bytes(self._place, self._framing.head_size):
            most = self._connections.limits.head_bytes_of_one
            told = f"this pod's open requests have heads of more than {most} bytes together"
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, f"{told}; send fewer at one time")
            return
        if was_in_head and not self._framing.is_in_head:
            self._connections.set_busy(self._place, is_busy=True)
        if ready:
            self._inner.data_received(ready)

    def _refuse(self, status: HTTPStatus, told: str) -> None:
        """Answer in aiohttp's place, which has seen nothing of the request, and close."""
        assert self._transport is not None  # noqa: S101  a request came
        assert self._place is not None  # noqa: S101  the same
        self._is_refused = True
        self._rest = b""
        self._refused(self._place.address, told)
        body = json.dumps({"msg": told}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nServer: {headers.NAME}\r\n"
            "Content-Type: application/json; charset=utf-8\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self._transport.write_eof()  # what the caller still sends is read, or it never sees this
        self._wait(1.0)

    def _pace(self) -> None:
        """Read no further while a request is in hand and the next one's beginning is here."""
        if self._transport is None:
            return
        is_full = self._framing.is_over and len(self._rest) >= _MOST_READ_AHEAD
        if is_full:
            self._transport.pause_reading()
        elif self._is_paused:
            self._transport.resume_reading()
        self._is_paused = is_full

    def eof_received(self) -> bool | None:
        """Hand on."""
        return self._inner.eof_received() if self._place is not None else None

    def pause_writing(self) -> None:
        """Hand on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on."""
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Hand on, and make room for another."""
        self._stop_waiting()
        self._transport = None
        self._rest = b""
        if self._place is not None:
            self._connections.give_back(self._place)
            self._inner.connection_lost(error)
