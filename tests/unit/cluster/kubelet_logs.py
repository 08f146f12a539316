"""A kubelet's log endpoint for one container, over a real socket: for tests of following a log.

    with KubeletLogs() as kubelet:
        kubelet.log(b"one\\n"); kubelet.rotate(); kubelet.end()

Like a kubelet, the server returns the current file only, truncates a time limit to whole seconds,
and puts one stamp on a line even if the line consists of several entries.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kubernetes import client

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.log_pace import LogPace
from node_poc.cluster.logs import ContainerLogs

PODS = "/api/v1/namespaces/v6-jobs/pods"


@dataclass(frozen=True)
class Entry:
    """One write of a container, as stored by the runtime. ``at``: nanoseconds since the epoch."""

    at: int
    data: bytes


def stamp(at: int) -> bytes:
    moment = datetime.fromtimestamp(at // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{at % 10**9:09d}Z ".encode()


def render(entries: list[Entry], since: int | None) -> list[bytes]:
    """Return the bytes that the kubelet sends, entry by entry; ``since`` is in seconds."""
    sent, at_line_start = [], True
    for entry in entries:
        if since is None or entry.at >= since * 10**9:
            sent.append((stamp(entry.at) if at_line_start else b"") + entry.data)
        at_line_start = entry.data.endswith(b"\n")
    return sent


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        kubelet: KubeletLogs = self.server.kubelet  # type: ignore[attr-defined]
        query = dict(parse_qsl(urlsplit(self.path).query))
        kubelet.queries.append(query)
        kubelet.asked_at.append(time.monotonic())
        status = kubelet.statuses.pop(0) if kubelet.statuses else kubelet.status
        if status != 200:
            text = json.dumps({"kind": "Status", "reason": "Test", "message": "test"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        kubelet.serve(self, query)
        self.wfile.write(b"0\r\n\r\n")

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    kubelet: KubeletLogs

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections: some tests break connections on purpose."""


class KubeletLogs:
    """A container's log, and the faults that a follower of the log meets."""

    def __init__(self) -> None:
        self.files: list[list[Entry]] = [[]]
        self.status = 200
        self.statuses: list[int] = []
        self.queries: list[dict[str, str]] = []
        self.asked_at: list[float] = []  # monotonic seconds of each query
        self.ended = False
        self.pace = LogPace(run=(1e12, 1e12), together=(1e12, 1e12))
        # Each item cuts one connection after the given number of bytes.
        self.cuts: list[int] = []
        # The number of next connections that get "no log available", with status 200.
        self.without_runtime = 0
        # The number of next connections that stay open and silent.
        self.mute = 0
        # Followers keep reading the file that was rotated away (kubernetes#126564).
        self.forgets_followers = False
        self.changed = threading.Condition()
        self._clock = time.time_ns()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.kubelet = self

    def __enter__(self) -> KubeletLogs:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._server.shutdown()
        self._server.server_close()

    def logs(self) -> ContainerLogs:
        """Return a reader of this log."""
        settings = client.Configuration(host=f"http://127.0.0.1:{self._server.server_port}")
        settings.retries = False
        api = KubernetesApi(client.ApiClient(configuration=settings))
        return ContainerLogs(api, PODS, "algorithm", self.pace)

    def log(self, data: bytes, *, later: float = 1e-6) -> None:
        """Log a line or a part of a line, ``later`` seconds after the previous entry."""
        with self.changed:
            self._clock += int(later * 1e9)
            self.files[-1].append(Entry(self._clock, data))
            self.changed.notify_all()

    def rotate(self) -> None:
        with self.changed:
            self.files.append([])
            self.changed.notify_all()

    def end(self) -> None:
        """End the container."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def serve(self, handler: _Handler, query: dict[str, str]) -> None:
        """Send the log as the query asks."""
        if self.without_runtime:
            self.without_runtime -= 1
            handler.chunk(b"unable to retrieve container logs for containerd://4711")
            return
        if self.mute:
            self.mute -= 1
            time.sleep(30)
        since = query.get("sinceTime")
        begin = None if since is None else int(datetime.fromisoformat(since).timestamp())
        follow = query.get("follow") == "true"
        last = int(query.get("tailLines", 10**12))
        left = self.cuts.pop(0) if self.cuts and follow else 10**12
        number, sent = len(self.files) - 1, 0
        first = max(0, len(self.files[number]) - last)
        while True:
            with self.changed:
                lines = render(self.files[number][first:], begin)
                if sent == len(lines):
                    if number < len(self.files) - 1 and not self.forgets_followers:
                        number, sent, first = number + 1, 0, 0
                        continue
                    if self.ended or not follow:
                        return
                    self.changed.wait(0.05)
                    continue
            data = b"".join(lines[sent:])
            sent = len(lines)
            handler.chunk(data[:left]) if data[:left] else None
            left -= len(data)
            if left < 0:
                with contextlib.suppress(OSError):
                    handler.connection.shutdown(socket.SHUT_RDWR)
                raise ConnectionError
