"""Liveness and readiness over HTTP for the kubelet's probes: one thread, asleep between probes."""

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
from node_poc.listening import listen_on_all

log = structlog.get_logger(__name__)

#: The port of the probes; ``kubeconfs/node_pod_config.yaml`` names the port, too.
HEALTH_PORT = 8081
# Limits for other clients: seconds to send a request, and open connections, after which the oldest
# connection is closed.
_HEAD_SECONDS = 5.0
_MOST_OPEN = 64
_TROUBLE_SECONDS = 0.1


@dataclass(frozen=True)
class Checks:
    """The checks that the probes run.

    Attributes:
        alive: whether the engine works.
        ready: whether the engine is also connected to a server and knows its Jobs.
        remarks: what a person should know about the node's readiness, ready or not.
    """

    alive: Callable[[], bool]
    ready: Callable[[], bool]
    remarks: Callable[[], list[str]] = list


@dataclass
class _Asking:
    """A connection without a complete request."""

    connection: socket.socket
    until: float
    head: bytes = b""


class HealthServer:
    """Answers ``/healthz`` and ``/readyz`` with 200 or 503; ``/readyz`` with remarks as text."""

    def __init__(self, port: int, checks: Checks) -> None:
        """Listen on all addresses: the kubelet's probes come from the cluster node.

        Raises:
            OSError: the port cannot be listened on.
        """
        self._checks = {"/healthz": checks.alive, "/readyz": checks.ready}
        self._remarks = {"/readyz": checks.remarks}
        try:
            self._listener = listen_on_all(port, _MOST_OPEN)
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
        """The port that the server listens on."""
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Start to answer probes."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering probes."""
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
                except OSError as error:  # for example, no free file descriptor
                    log.warning("probe not answered", error=str(error))
                    time.sleep(_TROUBLE_SECONDS)
                except Exception:  # one connection must never end the thread: it answers all
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
            self._read(fd)  # usually the request arrives together with the connection

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
                answer = probes.answer(asking.head, self._checks, self._remarks)
                asking.connection.send(answer)
        self._let_go(fd)

    def _let_go(self, fd: int) -> None:
        asking = self._asking.pop(fd)
        self._selector.unregister(asking.connection)
        asking.connection.close()
