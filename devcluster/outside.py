"""The "outside": a small HTTP server in place of the internet.

The server runs in its own network namespace, together with the bridge between the nodes. The host
has only one link to the namespace, and neither its firewall nor its forwarding settings (for
example Docker's) affect traffic between nodes. Run as ``python3 -m devcluster.outside
ADDRESS ...``; the program waits for each address to appear.
"""

import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEXT = b"this is the outside: whoever reads this can reach the internet\n"


class Handler(BaseHTTPRequestHandler):
    """Responds to every GET and HEAD with 200 and one line."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Respond with the line."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(TEXT)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(TEXT)

    do_HEAD = do_GET  # noqa: N815  (http.server's name)


class Server(ThreadingHTTPServer):
    """A server that keeps serving when a probe hangs or sends many requests."""

    daemon_threads = True
    request_queue_size = 128


def serve(address: str, port: int = 80) -> None:
    """Serve for ever, starting when ``address`` exists in this network namespace."""
    while True:
        try:
            server = Server((address, port), Handler)
        except OSError:
            time.sleep(0.02)
            continue
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        server.serve_forever()


if __name__ == "__main__":
    first, *others = sys.argv[1:]
    for other in others:
        threading.Thread(target=serve, args=(other,), daemon=True).start()
    serve(first)
