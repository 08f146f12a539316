"""A small real HTTP server in place of vantage6's, which can also be slow, odd or broken."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Seen:
    """A request as received. ``connection``: the client's port, different for each connection."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    whole: bool = True
    connection: int = 0

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) < 2, f"{name} came twice"
        return values[0] if values else None


@dataclass
class Answer:
    """An answer; ``raw`` is written in place of everything else."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    wait_seconds: float = 0.0
    raw: bytes | None = None

    @staticmethod
    def json(value: Any, status: int = 200) -> Answer:
        return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


Answers = dict[tuple[str, str], Answer | Callable[[Seen], Answer]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: object) -> None:
        """Ignore broken connections: proxies that go away are part of the tests."""


class Upstream:
    """A server on loopback. ``answers``: by method and path without the query; 404 for others."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answers: Answers = {}
        self.seen: list[Seen] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def seen_at(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if urlsplit(seen.path).path == path]

    def answer(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        known = self.answers.get((seen.method, urlsplit(seen.path).path))
        if known is None:
            return Answer.json({"msg": "not known here"}, 404)
        return known if isinstance(known, Answer) else known(seen)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_any(self) -> None:
            body, whole = self._body()
            came_from = self.client_address[1]
            seen = Seen(self.command, self.path, self.headers.items(), body, whole, came_from)
            answer = upstream.answer(seen)
            time.sleep(answer.wait_seconds)
            if answer.raw is not None:
                self.wfile.write(answer.raw)
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815

        def _body(self) -> tuple[bytes, bool]:
            if self.headers.get("Transfer-Encoding") == "chunked":
                return self._chunks()
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            return body, len(body) == length

        def _chunks(self) -> tuple[bytes, bool]:
            body = b""
            while line := self.rfile.readline().strip():
                if not (size := int(line, 16)):
                    self.rfile.readline()
                    return body, True
                body += self.rfile.read(size)
                self.rfile.readline()
            return body, False

        def log_message(self, *_: object) -> None:
            pass

    return Handler
