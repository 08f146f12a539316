"""The dummy proxy: the only address an algorithm can reach.

It stands where vantage6's proxy will stand and carries nothing yet. At boot it logs whether traffic
gets out of the cluster from here. Routes: `/` tells what this is, `/healthz` is for the probes.

Environment: OUTBOUND_PROBE (host:port to try at boot), OUTBOUND_TRIES (default 5: the network of a
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
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any

DEFAULT_PORT = 8080
PROBE_TIMEOUT_S = 3.0
PROBE_TRIES = 5
PROBE_PAUSE_S = 2.0
# A client that connects and says nothing must not hold a thread for ever.
REQUEST_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Outbound:
    """Whether traffic gets out, and the line that says so."""

    enabled: bool
    line: str


def probe_outbound(address: str) -> Outbound:
    """Try to connect to host:port; never raises."""
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
    """Return status, content type and body for a GET. `outbound` None: still being tried."""
    route = path.split("?", maxsplit=1)[0]
    if route == "/":
        enabled = outbound.enabled if outbound else None
        body = json.dumps({"service": "v6proxy", "outbound": enabled})
        return HTTPStatus.OK, "application/json", body + "\n"
    if route == "/healthz":
        return HTTPStatus.OK, "text/plain", "ok\n"
    return HTTPStatus.NOT_FOUND, "text/plain", "not found: this proxy knows / and /healthz\n"


class Proxy(ThreadingHTTPServer):
    """The server; holds what the probe at boot found."""

    daemon_threads = True  # a slow client must not delay the end
    block_on_close = False
    request_queue_size = 128
    outbound: Outbound | None = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log one line instead of a traceback: clients that go away are everyday life."""
        log(f"request from {client_address[0]} ended early: {sys.exception()!r}")


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; other methods get 501 from the base class."""

    server: Proxy
    server_version = "v6proxy"
    sys_version = ""
    timeout = REQUEST_TIMEOUT_S

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer a HEAD: the same without a body."""
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
        # %a: the path is a stranger's text and must not forge lines in the log
        log(f"{method or '-'!s} {path!a:.200} from {self.client_address[0]}: {status}")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class's name
        """Log what else the base class reports (malformed requests), on one line."""
        log(f"from {self.client_address[0]}: {format % args!a:.200}")


def log(line: str) -> None:
    """Write one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def report_outbound(server: Proxy, address: str, tries: int) -> None:
    """Probe until it gets through, at most `tries` times; log and keep the outcome."""
    outbound = probe_outbound(address)
    while not outbound.enabled and tries > 1:
        tries -= 1
        time.sleep(PROBE_PAUSE_S)
        outbound = probe_outbound(address)
    server.outbound = outbound
    log(outbound.line)


def main(environment: Mapping[str, str]) -> int:
    """Serve until SIGTERM or SIGINT.

    Returns the exit code: 0, 2 for a LISTEN_PORT that is none, 4 if the port cannot be had.
    """
    text = environment.get("LISTEN_PORT", str(DEFAULT_PORT))
    if not text.isdecimal() or int(text) > 65535:
        log(f"LISTEN_PORT is {text!a}. Remedy: a number from 0 to 65535, or leave it out (8080).")
        return 2
    port = int(text)
    try:
        server = Proxy(("0.0.0.0", port), Handler)  # noqa: S104 -- its pod's address is not known
    except OSError as error:
        log(f"cannot listen on port {port}: {error.strerror}. Remedy: set LISTEN_PORT.")
        return 4

    def stop(_number: int, _frame: FrameType | None) -> None:
        # shutdown() waits for the serving loop, which this very thread runs
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log(f"v6proxy: listening on port {server.server_address[1]}")
    # beside the serving, so that a walled-off network does not delay the readiness
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
