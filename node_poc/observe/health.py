"""Liveness and readiness over HTTP, for the kubelet's probes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Checks:
    """``alive``: the engine works. ``ready``: it also has a server and knows its Jobs.

    ``remarks``: what a person should know of the node's readiness, ready or not.
    """

    alive: Callable[[], bool]
    ready: Callable[[], bool]
    remarks: Callable[[], list[str]] = list


class HealthServer:
    """Answers ``/healthz`` and ``/readyz`` with 200 or 503; ``/readyz`` with remarks as text."""

    def __init__(self, port: int, checks: Checks) -> None:
        """Listens on all addresses, because the kubelet asks from the cluster node."""
        answers = {"/healthz": checks.alive, "/readyz": checks.ready}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                check = answers.get(self.path)
                status = 404 if check is None else 200 if check() else 503
                told = checks.remarks() if self.path == "/readyz" else []
                text = "".join(f"{line}\n" for line in told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Say nothing: probes come every few seconds."""

        try:
            self._server = ThreadingHTTPServer(("", port), Handler)
        except OSError as error:
            raise OSError(
                f"--health-port {port}: cannot be listened on ({error.strerror}); give another"
            ) from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop to answer."""
        self._server.shutdown()
        self._server.server_close()
