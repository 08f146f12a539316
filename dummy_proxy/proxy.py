"""The dummy proxy: the only address that an algorithm can reach.

The dummy proxy stands in for vantage6's proxy and carries no requests yet. At start the dummy proxy
logs whether its traffic can leave the cluster. Routes: `/` describes the service, `/healthz`
answers the probes.

Environment: OUTBOUND_PROBE (host:port to try at start), OUTBOUND_TRIES (default 5: the network of a
pod may be ready a little later than the pod), LISTEN_PORT (default 8080).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any

DEFAULT_PORT = 8080
PROBE_TIMEOUT_S = 3.0
PROBE_TRIES = 5
PROBE_PAUSE_S = 2.0
# A silent client must not hold a thread for ever.
REQUEST_TIMEOUT_S = 10.0
# Nor may a client with a slow request, or many clients at once.
CONNECTION_S = 15.0
MOST_CONNECTIONS = 100
MOST_OF_ONE = 20
HEAD_BYTES = 16_384
QUIET_S = 60.0


@dataclass(frozen=True)
class Outbound:
    """Whether traffic can leave the cluster, and the log line with the outcome."""

    enabled: bool
    line: str


def probe_outbound(address: str) -> Outbound:
    """Try to connect to host:port; never raise."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        why = f"OUTBOUND_PROBE is {address!r}, not host:port" if address else "no OUTBOUND_PROBE"
        return Outbound(enabled=False, line=f"outbound traffic: DISABLED ({why})")
    try:
        target = (host.removeprefix("[").removesuffix("]"), int(port))
        socket.create_connection(target, timeout=PROBE_TIMEOUT_S).close()
    except (OSError, ValueError, OverflowError) as error:
        why = f"{address}: {getattr(error, 'strerror', None) or error}"
        return Outbound(enabled=False, line=f"outbound traffic: DISABLED ({why})")
    return Outbound(enabled=True, line=f"outbound traffic: enabled ({address} answered)")


def answer(path: str, outbound: Outbound | None) -> tuple[HTTPStatus, str, str]:
    """Return status, content type and body for a GET. `outbound` is None while the probe runs."""
    route = path.split("?", maxsplit=1)[0]
    if route == "/":
        enabled = outbound.enabled if outbound else None
        body = json.dumps({"service": "v6proxy", "outbound": enabled})
        return HTTPStatus.OK, "application/json", body + "\n"
    if route == "/healthz":
        return HTTPStatus.OK, "text/plain", "ok\n"
    return HTTPStatus.NOT_FOUND, "text/plain", "not found: this proxy knows / and /healthz\n"


class Connections:
    """The open connections, limited in number for each address and in total.

    When all places are taken, an address with few places gets a place of the address with the most.
    """

    def __init__(self, most: int = MOST_CONNECTIONS, most_of_one: int = MOST_OF_ONE) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._open: dict[socket.socket, tuple[str, float]] = {}  # oldest first
        self._lock = threading.Lock()

    def take(self, connection: socket.socket, address: str, now: float) -> bool:
        """Count a new connection; return False if there is no place."""
        with self._lock:
            count = Counter(held for held, _ in self._open.values())
            if count[address] >= self._most_of_one:
                return False
            if len(self._open) >= self._most:
                largest, held = count.most_common(1)[0]
                if held < count[address] + 2:
                    return False
                self._end(next(each for each in self._open if self._open[each][0] == largest))
            self._open[connection] = (address, now)
            return True

    def give_back(self, connection: socket.socket) -> None:
        """Free the place of a closed connection."""
        with self._lock:
            self._open.pop(connection, None)

    def end_overdue(self, now: float) -> None:
        """Shut down connections that have been open for too long."""
        with self._lock:
            for connection, (_, since) in list(self._open.items()):
                if now - since > CONNECTION_S:
                    self._end(connection)

    def _end(self, connection: socket.socket) -> None:
        del self._open[connection]
        with suppress(OSError):  # the connection may be closed already
            connection.shutdown(socket.SHUT_RDWR)  # the connection's thread wakes up, and closes


class Proxy(ThreadingHTTPServer):
    """The HTTP server; `outbound` holds the outcome of the probe at start."""

    daemon_threads = True  # a slow client must not delay the shutdown
    block_on_close = False
    request_queue_size = 128
    outbound: Outbound | None = None

    def __init__(self, *arguments: Any, connections: Connections | None = None) -> None:
        self._connections = connections or Connections()
        self._quiet_until = 0.0
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, if there is a place."""
        if self._connections.take(request, client_address[0], time.monotonic()):
            super().process_request(request, client_address)
            return
        self.shutdown_request(request)
        if time.monotonic() > self._quiet_until:
            self._quiet_until = time.monotonic() + QUIET_S
            log(f"refused a connection from {client_address[0]}: too many are open")

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.give_back(request)

    def service_actions(self) -> None:
        """Shut down overdue connections; the base class calls this several times a second."""
        self._connections.end_overdue(time.monotonic())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log one line instead of a traceback: clients often disconnect early."""
        log(f"request from {client_address[0]} ended early: {sys.exception()!r}")


class HeadTooLargeError(Exception):
    """A request's head has more than HEAD_BYTES."""


class LimitedHead:
    """Read the lines of a request's head; the base class would accept megabytes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = HEAD_BYTES

    def readline(self, size: int) -> bytes:
        """Return a line. Raise HeadTooLargeError."""
        line: bytes = self._stream.readline(min(size, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise HeadTooLargeError
        return line

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


class Handler(BaseHTTPRequestHandler):
    """Answer GET and HEAD; other methods get 501 from the base class."""

    server: Proxy
    server_version = "v6proxy"
    sys_version = ""
    timeout = REQUEST_TIMEOUT_S

    def setup(self) -> None:
        """Limit how much the base class reads of a head."""
        super().setup()
        self.rfile: Any = LimitedHead(self.rfile)

    def handle_one_request(self) -> None:
        """Answer one request, or report that the head is too large."""
        try:
            super().handle_one_request()
        except HeadTooLargeError:
            self.close_connection = True
            self.requestline, self.request_version, self.command = "", "HTTP/1.0", ""
            reason = f"the request's head has more than {HEAD_BYTES} bytes; send a shorter one"
            self.send_error(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, explain=reason)
            self.connection.shutdown(socket.SHUT_WR)
            for _ in range(20):  # read on: closed with unread bytes, the answer would be lost
                if not self.connection.recv(65_536):
                    break

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer a HEAD like a GET, without a body."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        status, content_type, body = answer(self.path, self.server.outbound)
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if with_body:
            self.wfile.write(data)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log method, path, client and status."""
        del size
        status = code.value if isinstance(code, HTTPStatus) else code
        method, path = getattr(self, "command", None), getattr(self, "path", "")
        # %a: the path comes from a stranger and must not forge log lines
        log(f"{method or '-'!s} {path!a:.200} from {self.client_address[0]}: {status}")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Log other reports of the base class (malformed requests), on one line."""
        log(f"from {self.client_address[0]}: {format % args!a:.200}")


def log(line: str) -> None:
    """Write one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def report_outbound(server: Proxy, address: str, tries: int) -> None:
    """Probe until a connection succeeds, at most `tries` times; log and keep the outcome."""
    outbound = probe_outbound(address)
    while not outbound.enabled and tries > 1:
        tries -= 1
        time.sleep(PROBE_PAUSE_S)
        outbound = probe_outbound(address)
    server.outbound = outbound
    log(outbound.line)


def main(environment: Mapping[str, str]) -> int:
    """Serve until SIGTERM or SIGINT.

    Return the exit code: 0, 2 for an invalid LISTEN_PORT, 4 if the port cannot be opened.
    """
    text = environment.get("LISTEN_PORT", str(DEFAULT_PORT))
    if not text.isdecimal() or int(text) > 65535:
        log(f"LISTEN_PORT is {text!a}. Remedy: a number from 0 to 65535, or leave it out (8080).")
        return 2
    port = int(text)
    try:
        server = Proxy(("0.0.0.0", port), Handler)  # noqa: S104  the pod's address is not known
    except OSError as error:
        log(f"cannot listen on port {port}: {error.strerror}. Remedy: set LISTEN_PORT.")
        return 4

    def stop(_number: int, _frame: FrameType | None) -> None:
        # shutdown() waits for the serving loop, which runs in this same thread
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log(f"v6proxy: listening on port {server.server_address[1]}")
    # probe in a thread, so that a closed network does not delay the readiness
    tries = environment.get("OUTBOUND_TRIES", "")
    count = int(tries) if tries.isdecimal() else PROBE_TRIES
    probe = (server, environment.get("OUTBOUND_PROBE", ""), count)
    threading.Thread(target=report_outbound, args=probe, daemon=True).start()
    with server:
        server.serve_forever(poll_interval=0.1)
    log("v6proxy: stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
