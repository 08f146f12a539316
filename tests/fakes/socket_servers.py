"""Fake Socket.IO servers: one greets as vantage6's server does, the other sends rubbish."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import socketio

from devserver.ports import free_port

_HELLO = '0{"sid":"a","upgrades":[%s],"pingInterval":25000,"pingTimeout":60000}'
#: Possible answers in the place of a Socket.IO server: broken handshakes, other programs, and valid
#: handshakes of a server that sends rubbish afterwards.
RUBBISH = [
    b"",
    b"0{}",
    b"0null",
    b'0{"sid":"a"}',
    b"4hello",
    b"<html>it works</html>",
    b"\xff",
    (_HELLO % "").encode(),
    (_HELLO % '"websocket"').encode(),
]
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


class GreetingServer:
    """python-socketio's own server. Each connection calls ``greet(server, number, sid)``."""

    def __init__(
        self,
        greet: Callable[[socketio.Server, int, str], None],
        namespace: str = "/tasks",
        port: int = 0,
    ) -> None:
        self.came_at: list[float] = []
        # A client that disconnects waits for the answer to its last request, which the next ping
        # brings.
        self._io = socketio.Server(
            async_mode="threading", allow_upgrades=False, ping_interval=0.5, ping_timeout=20
        )

        def on_connect(sid: str, _environ: object, _auth: object = None) -> None:
            self.came_at.append(time.monotonic())
            number = len(self.came_at)
            self._io.start_background_task(greet, self._io, number, sid)

        self._io.on("connect", on_connect, namespace=namespace)
        self._io.on("*", lambda *_: None, namespace=namespace)
        self._http = make_server(
            "127.0.0.1", port, socketio.WSGIApp(self._io), _Threads, handler_class=_Quiet
        )
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._http.server_port)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class RubbishServer:
    """Raw HTTP: answer each GET with ``body``, and an upgrade with an empty frame."""

    def __init__(self, body: bytes) -> None:
        self.asked = 0
        self._body = body
        self._socket = socket.create_server(("127.0.0.1", free_port()))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(ConnectionError):
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request = connection.recv(65536)
        self.asked += 1
        key = request.lower().partition(b"sec-websocket-key: ")[1]
        if key:
            begin = request.lower().index(key) + len(key)
            given = request[begin:].partition(b"\r\n")[0].strip()
            accept = base64.b64encode(hashlib.sha1(given + _MAGIC).digest())  # noqa: S324  RFC 6455
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            connection.recv(65536)
            connection.sendall(b"\x81\x00")
        else:
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Length: {len(self._body)}\r\nConnection: close\r\n\r\n"
            )
            connection.sendall(head.encode() + self._body)
