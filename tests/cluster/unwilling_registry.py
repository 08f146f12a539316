"""A registry that gives no images: it refuses pulls, limits their rate, or is broken.

Cluster nodes of the dev cluster reach the registry as ``unwilling.test``. The first part of an
image's name chooses the failure: ``unwilling.test/busy/x`` is rate limited. No registry has the
name ``away.test``.
"""

from __future__ import annotations

import http.client
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from devcluster import nodes
from devcluster.layout import Layout

_ANSWERS = {
    "busy": (429, '{"errors": [{"code": "TOOMANYREQUESTS", "message": "slow down"}]}'),
    "private": (403, '{"errors": [{"code": "DENIED", "message": "not yours"}]}'),
    "shaky": (503, "not now"),
}


class UnwillingRegistry:
    """Serve on ``address`` until ``close``; ``behind`` is a registry that works."""

    def __init__(self, address: str, behind: str, layout: Layout) -> None:
        self.is_shaky = True
        self._behind = behind
        self._layout = layout
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Log nothing."""

            def do_GET(self) -> None:
                trouble = self.path.removeprefix("/v2/").partition("/")[0]
                if trouble in _ANSWERS and (trouble != "shaky" or registry.is_shaky):
                    status, text = _ANSWERS[trouble]
                    self._send(status, {"Content-Type": "application/json"}, text.encode())
                else:
                    self._send(*registry.pass_on(self.command, self.path, self.headers["Accept"]))

            do_HEAD = do_GET  # noqa: N815  the base class looks for this name

            def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self._address = f"{address}:{self._server.server_address[1]}"

    def open(self) -> None:
        """Serve, and give containerd on each cluster node the registry's address."""
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        for folder in self._folders("unwilling.test"):
            _write_hosts(folder, self._address)
        for folder in self._folders("away.test"):
            _write_hosts(folder, self._address.rpartition(":")[0] + ":1")

    def close(self) -> None:
        """Undo ``open``."""
        for folder in (*self._folders("unwilling.test"), *self._folders("away.test")):
            shutil.rmtree(folder, ignore_errors=True)
        self._server.shutdown()
        self._server.server_close()

    def _folders(self, name: str) -> list[Path]:
        numbers = nodes.existing(self._layout)
        return [self._layout.node_dir(number) / "registries" / name for number in numbers]

    def pass_on(
        self, method: str, path: str, accept: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask the registry that works, under the image's name there."""
        connection = http.client.HTTPConnection(self._behind, timeout=30)
        headers = {"Accept": accept} if accept else {}
        connection.request(method, path.replace("/shaky/", "/"), headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        kept = ("Content-Type", "Content-Length", "Docker-Content-Digest")
        found = {name: value for name in kept if (value := answer.getheader(name))}
        return answer.status, found, body


def _write_hosts(folder: Path, address: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = f'server = "http://{address}"\n[host."http://{address}"]\n'
    (folder / "hosts.toml").write_text(text + '  capabilities = ["pull", "resolve"]\n')
