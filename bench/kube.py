"""A minimal client of the Kubernetes API: the comparison's other side must not be slow itself.

The official client does login and connections; JSON goes in and out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import urllib3
from kubernetes import client, config

from bench.errors import BenchError

_TIMEOUT = urllib3.Timeout(connect=5.0, read=30.0)
_WATCH_TIMEOUT = urllib3.Timeout(connect=5.0, read=1200.0)
_WATCH_SECONDS = 1100
_CONNECTIONS = 24


class Kube:
    """Requests to the API server with the rights of the kubeconfig's user. Thread-safe."""

    def __init__(self, kubeconfig: str | None, context: str | None) -> None:
        """Read the kubeconfig without sending a request."""
        settings = client.Configuration()
        config.load_kube_config(
            config_file=kubeconfig, context=context, client_configuration=settings
        )
        settings.connection_pool_maxsize = _CONNECTIONS
        settings.retries = False
        self._host = settings.host
        token = settings.get_api_key_with_prefix("authorization")
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = token
        self._pool = client.ApiClient(settings).rest_client.pool_manager

    def create(self, path: str, body: dict[str, Any]) -> None:
        """Create an object. Raise BenchError."""
        self._text("POST", path, json.dumps(body))

    def remove_all(self, path: str) -> None:
        """Remove all objects of a path, and their dependents. Raise BenchError."""
        self._text("DELETE", f"{path}?propagationPolicy=Background")

    def read(self, path: str) -> dict[str, Any]:
        """Read one object or list. Raise BenchError."""
        answer: dict[str, Any] = json.loads(self._text("GET", path))
        return answer

    def text(self, path: str) -> str:
        """Read a text other than JSON. Raise BenchError."""
        return self._text("GET", path)

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Open a watch of all objects of a path; return its events until the server ends the watch.

        When the method returns, the watch is open: no later change is missed.

        Raises:
            BenchError: the API server did not open the watch.
        """
        version = self.read(f"{path}?limit=1")["metadata"]["resourceVersion"]
        query = f"watch=true&resourceVersion={version}&timeoutSeconds={_WATCH_SECONDS}"
        try:
            response = self._pool.request(
                "GET",
                f"{self._host}{path}?{query}",
                headers=self._headers,
                timeout=_WATCH_TIMEOUT,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise BenchError(f"watch {path}: {error}") from error
        if response.status != 200:
            text = response.read(300).decode("utf-8", "replace")
            raise BenchError(f"watch {path}: HTTP {response.status}: {text}")
        return _events(response.stream(amt=None, decode_content=False))

    def _text(self, method: str, path: str, body: str | None = None) -> str:
        headers = self._headers | ({"Content-Type": "application/json"} if body else {})
        try:
            answer = self._pool.request(
                method, f"{self._host}{path}", body=body, headers=headers, timeout=_TIMEOUT
            )
        except urllib3.exceptions.HTTPError as error:
            raise BenchError(f"{method} {path}: {error}") from error
        text = str(answer.data.decode("utf-8", "replace"))
        if not 200 <= answer.status <= 299:
            raise BenchError(f"{method} {path}: HTTP {answer.status}: {text[:300]}")
        return text


def _events(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """Return the events of an open watch, one for each line."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(json.loads, lines)
