"""A stand-in for Azure's blob storage, which cannot run on this machine.

The stand-in takes and gives blobs as Azure's own Python client asks for them. Everything else is
real: the server, which uses Azure's client, its users' client, and the node.
"""

from __future__ import annotations

import base64
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

CONTAINER = "runs"
_ACCOUNT = "station"
_KEY = base64.b64encode(b"not a real key").decode()
_RANGE = re.compile(r"bytes=(\d+)-(\d+)?")


class BlobStore(ThreadingHTTPServer):
    """Blobs by name, in memory."""

    def __init__(self) -> None:
        """Listen at once; answer requests after ``start``."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.blobs: dict[str, bytes] = {}
        self.blocks: dict[tuple[str, str], bytes] = {}
        self.is_away = False
        self.turned_away = 0

    def start(self) -> None:
        """Answer requests in a thread."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop the server and close the socket."""
        self.shutdown()
        self.server_close()

    @property
    def settings(self) -> dict[str, str]:
        """Return ``large_result_store`` for the server's configuration."""
        endpoint = f"http://127.0.0.1:{self.server_port}/{_ACCOUNT}"
        parts = {"AccountName": _ACCOUNT, "AccountKey": _KEY, "BlobEndpoint": endpoint}
        told = ";".join(f"{key}={value}" for key, value in parts.items())
        return {"container_name": CONTAINER, "connection_string": told}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: BlobStore

    def do_PUT(self) -> None:
        url = urlsplit(self.path)
        name, asked = unquote(url.path).rpartition("/")[2], parse_qs(url.query)
        data = self._body()
        if self._is_away():
            return
        if asked.get("comp") == ["block"]:
            self.server.blocks[name, asked["blockid"][0]] = data
        elif asked.get("comp") == ["blocklist"]:
            ids = re.findall(r"<Latest>(.*?)</Latest>", data.decode())
            self.server.blobs[name] = b"".join(self.server.blocks.pop((name, id_)) for id_ in ids)
        else:
            self.server.blobs[name] = data
        self._answer(HTTPStatus.CREATED)

    def do_GET(self) -> None:
        if self._is_away():
            return
        data = self.server.blobs.get(unquote(urlsplit(self.path).path).rpartition("/")[2])
        if data is None:
            self._answer(HTTPStatus.NOT_FOUND, headers={"x-ms-error-code": "BlobNotFound"})
            return
        found = _RANGE.fullmatch(self.headers.get("x-ms-range") or self.headers.get("Range") or "")
        start, last = (int(found[1]), int(found[2] or len(data))) if found else (0, len(data))
        part = data[start : last + 1]
        where = f"bytes {start}-{start + len(part) - 1}/{len(data)}"
        status = HTTPStatus.PARTIAL_CONTENT if found else HTTPStatus.OK
        self._answer(status, part, {"Content-Range": where, "x-ms-blob-type": "BlockBlob"})

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _is_away(self) -> bool:
        """Answer 403 if the store is away: Azure's client retries other errors at once, thrice or
        more.
        """
        is_away = self.server.is_away  # the test may bring the store back during this call
        if is_away:
            self.server.turned_away += 1
            self._answer(HTTPStatus.FORBIDDEN, headers={"x-ms-error-code": "AccountIsDisabled"})
        return is_away

    def _answer(
        self, status: HTTPStatus, data: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        told = {
            "Content-Length": str(len(data)),
            "Content-Type": "application/octet-stream",
            "ETag": '"1"',
            "Last-Modified": self.date_time_string(),
            "x-ms-version": "2021-01-01",
            "x-ms-request-server-encrypted": "true",
        }
        for key, value in (told | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
