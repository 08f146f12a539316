"""A server on a real socket with answers from the test, which accepts a node's login."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def token(sub=7, life=3600, mark="a"):
    claims = {"sub": sub, "iat": 1000, "exp": 1000 + life, "mark": mark}
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{middle}.sign"


class Server(ThreadingHTTPServer):
    """Give the test's answers; record the requests."""

    request_queue_size = 64  # each request makes a new connection, several at once

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.tokens = 0
        self.answers = {}

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method, path, headers, body):
        self.asked.append((method, path, headers.get("Authorization"), body))
        found = self.answers.get(path.partition("?")[0])
        if callable(found):
            found = found(method, path, headers, body)
        if found is not None:
            return found
        if path == "/api/token/node":
            self.tokens += 1
            mark = f"t{self.tokens}"
            return 200, {
                "access_token": token(mark=mark),
                "refresh_token": f"refresh-{mark}",
                "refresh_url": "/api/token/refresh",
            }
        return 200, {"path": path}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, data = self.server.answer(self.command, self.path, self.headers, body)
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PATCH = handle_any  # noqa: N815  http.server's names

    def log_message(self, *_):
        pass


def opened():
    """Return a server that listens."""
    made = Server()
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    return made
