"""An image registry over a real socket, which can ask for a login."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD = "reader", "hidden-words"
_TOKEN = "a-token-of-the-registry"
_BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def manifest(mark: str, *platforms: str) -> bytes:
    """Return the manifest of an image, or an image list of several platforms."""
    listed = {"manifests": [{"digest": each} for each in platforms]} if platforms else {}
    return json.dumps({"schemaVersion": 2, "mark": mark, **listed}).encode()


#: The image that the fixture ``registry`` has as ``group/name:1``.
OWN = manifest("own")


class Registry(ThreadingHTTPServer):
    """Hold manifests by ``name:tag``; ``wants`` is None, ``basic`` or ``bearer``.

    Blobs are held by digest, and referrers by ``name@digest``: under the address of the
    distribution specification 1.1, or with ``is_old`` under a tag. ``redirect`` is an address to
    which the registry sends whoever asks for a blob.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.referrers: dict[str, list[dict[str, str]]] = {}
        self.is_old = False
        self.redirect: str | None = None
        self.wants: str | None = None
        self.realm: str | None = None
        self.trouble: tuple[int, bytes] | None = None
        self.token: object = _TOKEN
        self.asked: list[tuple[str, str | None]] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    @property
    def challenge(self) -> str:
        if self.wants == "basic":
            return 'Basic realm="registry"'
        realm = self.realm or f"http://{self.host}/token"
        scope = "repository:other/thing:pull,push,delete"
        return f'Bearer realm="{realm}",service="the registry",scope="{scope}"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def do_GET(self) -> None:
        told, url = self.headers.get("Authorization"), urlsplit(self.path)
        self.server.asked.append((self.path, told))
        if url.path == "/token":
            self._token(told, parse_qs(url.query))
        elif self.server.trouble is not None:
            self._answer(*self.server.trouble)
        elif told != {"basic": _BASIC, "bearer": f"Bearer {_TOKEN}"}.get(self.server.wants or ""):
            self._answer(401, b"{}", self.server.challenge)
        else:
            self._content(url.path.partition("/v2/")[2])

    def _content(self, path: str) -> None:
        world = self.server
        if "/blobs/" in path and world.redirect is not None:
            self.send_response(307)
            self.send_header("Location", world.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        found = self._found(path)
        self._answer(404 if found is None else 200, found or b"{}")

    def _found(self, path: str) -> bytes | None:
        world = self.server
        if "/blobs/" in path:
            return world.blobs.get(path.rpartition("/")[2])
        if "/referrers/" in path:
            name, _, image = path.partition("/referrers/")
            return None if world.is_old else self._index(f"{name}@{image}")
        name, _, tag = path.partition("/manifests/")
        of_image = f"{name}@{tag.replace('-', ':', 1)}"
        if world.is_old and of_image in world.referrers:
            return self._index(of_image)
        return world.manifests.get(f"{name}:{tag}")

    def _index(self, image: str) -> bytes:
        return json.dumps({"manifests": self.server.referrers.get(image, [])}).encode()

    def _token(self, told: str | None, asked: dict[str, list[str]]) -> None:
        if told != _BASIC:
            self._answer(401, b"{}")
            return
        assert asked["service"] == ["the registry"]
        assert asked["scope"] == ["repository:group/name:pull"]
        self._answer(200, json.dumps({"token": self.server.token}).encode())

    def _answer(self, status: int, body: bytes, challenge: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
