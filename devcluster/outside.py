"""The "outside": a small HTTP server that stands for the internet.

It runs in a network namespace of its own, which also holds the bridge that joins the nodes. So
the host sees one link only, and neither its firewall nor its forwarding settings (Docker's, say)
have any part in what nodes say to each other. Run as `python3 -m devcluster.outside ADDRESS`; it
waits for the address to appear.
"""

import socket
import sys
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = b"this is the outside: whoever reads this can reach the internet\n"


class Handler(BaseHTTPRequestHandler):
    """Answers every GET and HEAD with 200 and one line."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the line."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(TEXT)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(TEXT)

    do_HEAD = do_GET  # noqa: N815  (http.server's name)


class Server(ThreadingHTTPServer):
    """A server that stays up when a probe hangs or floods it."""

    daemon_threads = True
    request_queue_size = 128


def serve(address: str, port: int = 80) -> None:
    """Serve for ever, from the moment that `address` exists in this network namespace."""
    while True:
        try:
            server = Server((address, port), Handler)
        except OSError:
            time.sleep(0.02)
            continue
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1])
