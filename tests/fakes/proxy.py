"""The proxy in a thread of this process, with a fake server behind the proxy."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from node_poc.crypto.payload import PlainCryptor, RsaCryptor
from node_poc.proxy.server import Running, serving
from node_poc.proxy.settings import Limits, ProxySettings, ResultsOf
from tests.fakes.tokens import container_token
from tests.fakes.upstream import Answer, Upstream

API = "/api"


class ProxyUnderTest:
    """A running proxy for a test: its ports, the server behind the proxy, a client."""

    def __init__(self, upstream: Upstream, running: Running, *, encrypts: bool) -> None:
        self.upstream = upstream
        self.encrypts = encrypts
        self.port = running.port
        self.health_port = running.health_port
        self.url = f"http://127.0.0.1:{running.port}"
        self.headers = {"Authorization": f"Bearer {container_token()}"}

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        options["headers"] = self.headers | options.get("headers", {})
        return requests.request(method, self.url + path, timeout=30, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.request("POST", path, **options)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def raw(self, data: bytes, *, end: bool = False) -> bytes:
        """Send bytes, and return everything received until the proxy closes the connection."""
        with self.connect() as connection:
            answer = b""
            try:
                connection.sendall(data)
                if end:
                    connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(65_536):
                    answer += piece
            except ConnectionError:
                pass
            return answer

    def serves(self) -> bool:
        """Return whether the proxy forwards a request now."""
        return self.get("/version").json() == {"version": "4.15.2"}


def know_tasks(upstream: Upstream) -> None:
    """Add the token's task (3), a task of the same job (1) and another study's task (99) to the
    server.
    """
    for number, job in ((3, 3), (1, 3), (99, 99)):
        task = {"id": number, "job_id": job}
        upstream.answers["GET", f"{API}/task/{number}"] = Answer.json(task)


@contextmanager
def proxy(
    cryptor: PlainCryptor | RsaCryptor | None = None,
    limits: Limits | None = None,
    server: str | None = None,
    upstream: Upstream | None = None,
    results: ResultsOf = ResultsOf.JOB,
) -> Iterator[ProxyUnderTest]:
    """Run a proxy while the context lasts."""
    upstream = upstream or Upstream()
    know_tasks(upstream)
    upstream.answers["GET", f"{API}/version"] = Answer.json({"version": "4.15.2"})
    settings = ProxySettings(
        server=server or upstream.url + API,
        cryptor=cryptor or PlainCryptor(),
        results=results,
        host="127.0.0.1",
        port=0,
        health_port=0,
        limits=limits or Limits(),
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    context = serving(settings)
    running = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(20)
    try:
        yield ProxyUnderTest(upstream, running, encrypts=settings.cryptor.encrypts)
    finally:
        ended = asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop)
        ended.result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
        upstream.close()
