"""Liveness and readiness over HTTP, for the kubelet's probes: one thread, which sleeps between."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from node_poc import probes

log = structlog.get_logger(__name__)

# Whoever else connects is borne so long, and so many at once: the oldest goes.
_HEAD_SECONDS = 5.0
_MOST_OPEN = 64
_TROUBLE_SECONDS = 0.1


@dataclass(frozen=True)
class Checks:
    """``alive``: the engine works. ``ready``: it also has a server and knows its Jobs.

    ``remarks``: what a person should know of the node's readiness, ready or not.
    """

    alive: Callable[[], bool]
    ready: Callable[[], bool]
    remarks: Callable[[], list[str]] = list


@dataclass
class _Asking:
    """A connection whose request is not there yet."""

    connection: socket.socket
    until: float
    head: bytes = b""


class HealthServer:
    """Answers ``/healthz`` and ``/readyz`` with 200 or 503; ``/readyz`` with remarks as text."""

    def __init__(self, port: int, checks: Checks) -> None:
        """Listens on all addresses, because the kubelet asks from the cluster node."""
        self._checks = {"/healthz": checks.alive, "/readyz": checks.ready}
        self._remarks = {"/readyz": checks.remarks}
        try:
            self._listener = socket.create_server(("", port), backlog=_MOST_OPEN)
        except OSError as error:
            raise OSError(
                f"--health-port {port}: cannot be listened on ({error.strerror}); give another"
            ) from error
        self._listener.settimeout(0)
        self._asking: dict[int, _Asking] = {}
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakened = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop to answer."""
        self._waker.close()
        if self._thread.ident is not None:
            self._thread.join(1.0)
        self._listener.close()

    def _serve(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wakened, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select(self._seconds_left()):
                if key.fileobj is self._wakened:
                    return
                try:
                    self._accept() if key.fileobj is self._listener else self._read(key.fd)
                except OSError as error:  # no descriptor is free, or the like
                    log.warning("probe not answered", error=str(error))
                    time.sleep(_TROUBLE_SECONDS)
                except Exception:  # one connection must never end the thread that answers all
                    log.exception("probe not answered")
            for fd, asking in list(self._asking.items()):
                if asking.until <= time.monotonic():
                    self._let_go(fd)

    def _seconds_left(self) -> float | None:
        if not self._asking:
            return None
        return max(0.0, min(each.until for each in self._asking.values()) - time.monotonic())

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            connection, _ = self._listener.accept()
            connection.settimeout(0)
            if len(self._asking) >= _MOST_OPEN:
                self._let_go(next(iter(self._asking)))
            fd = connection.fileno()
            self._asking[fd] = _Asking(connection, time.monotonic() + _HEAD_SECONDS)
            self._selector.register(connection, selectors.EVENT_READ)
            self._read(fd)  # mostly the request is there with the connection

    def _read(self, fd: int) -> None:
        asking = self._asking[fd]
        try:
            data = asking.connection.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        asking.head += data
        if data and not probes.is_whole(asking.head):
            return
        if data:
            with contextlib.suppress(OSError):
                told = probes.answer(asking.head, self._checks, self._remarks)
                asking.connection.send(told)
        self._let_go(fd)

    def _let_go(self, fd: int) -> None:
        asking = self._asking.pop(fd)
        self._selector.unregister(asking.connection)
        asking.connection.close()
