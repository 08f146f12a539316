"""The attempts of a pod of the self-test: many connections at a time, in one thread."""

from __future__ import annotations

import contextlib
import fcntl
import selectors
import socket
import struct
import termios
import time
from collections import deque

from node_poc.tester.machine import Address, seconds_since_start

# Attempts are frequent while a gap is likely: ten pods that try on at that pace would wear out a
# small machine, and with it the policies' own controller.
_PAUSE_SECONDS = 0.05
_FREQUENT_SECONDS = 3.0
_LATER_PAUSE_SECONDS = 0.25
#: A way is closed if nothing came through for so long.
_CLOSED_SECONDS = 3.0
# Less than a second: the kernel would send a dropped first packet again, and the answer would
# belong to a later moment than the attempt.
_TRY_SECONDS = 0.8
_ALIVE_SECONDS = 1.0
_MOST_OPEN = 500
# A question for the root's name servers: header, an empty name, type NS, class IN.
_QUESTION = struct.pack(">6HB2H", 0x7636, 0x0100, 1, 0, 0, 0, 0, 2, 1)


class Tries:
    """The attempts at one target, or the connections of others to this pod."""

    def __init__(self) -> None:
        """Start without attempts."""
        self.tries = self.through = self.first_ms = self.last_ms = 0
        self.lived_on = False
        self.kept: socket.socket | None = None

    def note(self, began_ms: int) -> None:
        """Note an attempt that came through, by its start."""
        self.first_ms = min(self.first_ms, began_ms) if self.through else began_ms
        self.last_ms = max(self.last_ms, began_ms)
        self.through += 1

    def row(self) -> list[int | bool]:
        """Return the numbers for the report."""
        return [self.tries, self.through, self.first_ms, self.last_ms, self.lived_on]


class _Attempt:
    def __init__(
        self, target: Tries, connection: socket.socket, began_ms: int, *, is_udp: bool
    ) -> None:
        self.target = target
        self.connection = connection
        self.began_ms = began_ms
        self.is_udp = is_udp
        self.is_over = False


class WayTester:
    """Tries the targets of one plan."""

    def __init__(self, targets: list[tuple[str, Address | None]], listener: socket.socket) -> None:
        """Take the targets, each with its protocol, and a socket that listens.

        A target without an address is never tried.
        """
        self._targets = targets
        self.seen = [Tries() for _ in targets]
        self.accepted = Tries()
        self._zero = time.monotonic() - seconds_since_start()
        self._selector = selectors.DefaultSelector()
        self._waiting: deque[_Attempt] = deque()
        self._guests: list[socket.socket] = []
        listener.settimeout(0)
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ)
        self.began_ms = self.now_ms()

    def now_ms(self) -> int:
        """Return the milliseconds since the start of this process."""
        return round((time.monotonic() - self._zero) * 1000)

    def try_for(self, seconds: float, most_seconds: float = 0.0) -> None:
        """Try all targets again and again, counted from the first attempt.

        Args:
            seconds: the time of the attempts.
            most_seconds: while a target other than the first, the proxy, is open, the attempts go
                on until all have been closed for a while, and at most for so long: a busy cluster
                may need that time for its policies.
        """
        begin = time.monotonic()
        following = begin
        while following < begin + seconds or (
            following < begin + most_seconds and self._is_open_of_late()
        ):
            for index in range(len(self._targets)):
                self._begin(index)
            is_early = following < begin + _FREQUENT_SECONDS
            following += _PAUSE_SECONDS if is_early else _LATER_PAUSE_SECONDS
            self.serve(following)
        self.serve(time.monotonic() + _TRY_SECONDS, until_done=True)

    def _is_open_of_late(self) -> bool:
        since_ms = self.now_ms() - round((_CLOSED_SECONDS + _TRY_SECONDS) * 1000)
        return any(each.through and each.last_ms >= since_ms for each in self.seen[1:])

    def serve(self, until: float, *, until_done: bool = False) -> None:
        """Take answers and connections until a monotonic time, or until nothing is waited for."""
        while not (until_done and not self._waiting):
            seconds = until - time.monotonic()
            for key, _ in self._selector.select(max(0.0, seconds)):
                if key.data is None:
                    self._accept()
                else:
                    self._finish(key.data)
            self._expire()
            if seconds <= 0:
                return

    def look_at_kept(self) -> None:
        """Find out which of the first connections still carry data: whether the peer confirms."""
        kept = [each for each in self.seen if each.kept is not None]
        for each in kept:
            each.lived_on = _send(each.kept)
        self.serve(time.monotonic() + (_ALIVE_SECONDS if kept else 0.0))
        for each in kept:
            each.lived_on = each.lived_on and _is_confirmed(each.kept)

    def close(self) -> None:
        """Close all connections, and stop listening."""
        kept = [each.kept for each in self.seen if each.kept is not None]
        tried = [each.connection for each in self._waiting if not each.is_over]
        for each in (*kept, *tried, *self._guests, self._listener):
            each.close()
        self._selector.close()

    def _begin(self, index: int) -> None:
        protocol, address = self._targets[index]
        if address is None or len(self._waiting) >= _MOST_OPEN:
            return
        target, is_udp = self.seen[index], protocol == "udp"
        target.tries += 1
        began_ms = self.now_ms()
        try:
            connection = socket.socket(
                address[0], socket.SOCK_DGRAM if is_udp else socket.SOCK_STREAM
            )
        except OSError:
            return
        connection.settimeout(0)
        try:
            with contextlib.suppress(BlockingIOError):
                connection.connect(address[1])
            if is_udp:
                connection.send(_QUESTION)
        except OSError:
            connection.close()
            return
        attempt = _Attempt(target, connection, began_ms, is_udp=is_udp)
        self._waiting.append(attempt)
        events = selectors.EVENT_READ if is_udp else selectors.EVENT_WRITE
        self._selector.register(connection, events, attempt)

    def _finish(self, attempt: _Attempt) -> None:
        self._selector.unregister(attempt.connection)
        attempt.is_over = True
        came_through = _is_answered(attempt)
        if came_through:
            attempt.target.note(attempt.began_ms)
        if came_through and not attempt.is_udp and attempt.target.kept is None:
            attempt.target.kept = attempt.connection
        else:
            attempt.connection.close()

    def _expire(self) -> None:
        """Give up attempts without an answer; all attempts have the same time."""
        oldest_ms = self.now_ms() - round(_TRY_SECONDS * 1000)
        while self._waiting and (
            self._waiting[0].is_over or self._waiting[0].began_ms <= oldest_ms
        ):
            attempt = self._waiting.popleft()
            if not attempt.is_over:
                self._selector.unregister(attempt.connection)
                attempt.connection.close()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        self.accepted.tries += 1
        self.accepted.note(self.now_ms())
        self._guests.append(connection)
        if len(self._guests) > _MOST_OPEN:
            # The first connections stay: others may look whether theirs lives on.
            self._guests.pop(_MOST_OPEN // 2).close()


def _is_answered(attempt: _Attempt) -> bool:
    try:
        if attempt.is_udp:
            return bool(attempt.connection.recv(512))
        return attempt.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    except OSError:
        return False


def _send(connection: socket.socket | None) -> bool:
    try:
        return connection is not None and connection.send(b"\n") == 1
    except OSError:
        return False


def _is_confirmed(connection: socket.socket | None) -> bool:
    """Return whether the peer's kernel has confirmed all bytes: none are left to be sent."""
    if connection is None:
        return False
    left = fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0\0\0\0")
    error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return error == 0 and struct.unpack("i", left)[0] == 0
