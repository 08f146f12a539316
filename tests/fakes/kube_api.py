"""A small Kubernetes API server for tests: real sockets, real HTTP, one namespace, no cluster.

    with FakeKubeApi() as api:
        KUBECONFIG = api.write_kubeconfig(folder)
        ...
        api.kubelet.starts(7); api.kubelet.ends(7, exit_code=0, log=b"done")
        api.faults.add("POST", "/jobs", status=500, times=2)
        assert api.count("POST", "/jobs") == 3

Jobs, pods (and their logs), services and NetworkPolicies: create, list by pages, watch with
bookmarks, merge-patch, delete. Every request is recorded. The server checks no rights, and
validates only those fields of an object that a test here needed.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from devserver.ports import free_port
from tests.fakes.kube_faults import FOR_EVER, Faults
from tests.fakes.kube_http import Handler, Request
from tests.fakes.kube_store import Object, Store
from tests.fakes.kubelet import Kubelet

__all__ = ["FOR_EVER", "FakeKubeApi", "Request"]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], api: FakeKubeApi) -> None:
        self.api = api
        self.open: set[socket.socket] = set()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections: some tests break them on purpose."""

    def cut(self) -> None:
        for request in list(self.open):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


class FakeKubeApi:
    """The API server, with its faults, its recorded requests and its objects for the tests."""

    def __init__(
        self, namespace: str = "v6-jobs", bookmark_seconds: float = 1.0, host: str = "127.0.0.1"
    ) -> None:
        self.namespace = namespace
        self._host = host
        self.bookmark_seconds = bookmark_seconds
        self.store = Store()
        self.kubelet = Kubelet(self.store)
        self.faults = Faults()
        self.page_limit = FOR_EVER
        # The answer to every dry run.
        self.job_policy = "ValidatingAdmissionPolicy 'jobs' denied request"
        self.pages: dict[str, tuple[list[Object], int]] = {}
        # Runs whose Job creation was refused at least once in a random test.
        self.refused: set[int] = set()
        # Called with the run id just before a random test makes the run's Job.
        self.before_job: Callable[[int], None] = lambda _run_id: None
        self.watches_mute = False
        self.watch_generation = 0
        self._recorded: list[Request] = []
        self._server: _Server | None = None
        self._port = free_port()

    def __enter__(self) -> FakeKubeApi:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the socket

    @property
    def url(self) -> str:
        """Return the server's URL."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def open(self) -> None:
        """Listen; after ``close``, listen on the same port as before."""
        server = self._server = _Server((self._host, self._port), self)
        self._port = int(server.server_address[1])
        serve = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        serve.start()

    def close(self) -> None:
        """Refuse new connections and cut all open connections, until ``open``."""
        server, self._server = self._server, None
        if server is not None:
            self.watch_generation += 1
            server.shutdown()
            server.server_close()
            server.cut()
            self.store.wake()

    def cut_connections(self) -> None:
        """Cut every connection in the middle; new connections are accepted."""
        if self._server is not None:
            self._server.cut()

    def end_watches(self) -> None:
        """End every watch, as an API server does after a watch's timeout."""
        self.watch_generation += 1
        self.store.wake()

    def write_kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig file for this server."""
        named = {"name": "fake"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [named | {"cluster": {"server": self.url}}],
            "users": [named | {"user": {"token": "a-token-of-the-fake"}}],
            "contexts": [named | {"context": {"cluster": "fake", "user": "fake"}}],
        }
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    # --- recorded requests

    def record(self, request: Request) -> None:
        """Record a request."""
        self._recorded.append(request)

    def requests(self, method: str = "", path_pattern: str = "") -> list[Request]:
        """Return the recorded requests, oldest first; ``path_pattern`` is a regular expression."""
        return [
            asked
            for asked in list(self._recorded)
            if method in {"", asked.method} and re.search(path_pattern, asked.path)
        ]

    def count(self, method: str = "", path_pattern: str = "") -> int:
        """Return the number of matching requests."""
        return len(self.requests(method, path_pattern))

    # --- objects

    def add_service(self, name: str, address: str) -> None:
        """Make a Service with a cluster IP."""
        self.store.create("services", {"metadata": {"name": name}, "spec": {"clusterIP": address}})

    def jobs(self) -> list[Object]:
        """Return all Jobs."""
        return self.store.all("jobs")[0]

    def pods(self) -> list[Object]:
        """Return all pods."""
        return self.store.all("pods")[0]
