"""Properties of a connection to the Kubernetes API, read from the real socket of a call."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest
import urllib3
from kubernetes.config.incluster_config import InClusterConfigLoader

from node_poc.cluster.connect import connect
from node_poc.cluster.errors import ClusterError


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        throttled = self.path.startswith("/throttled")
        self.send_response(429 if throttled else 200)
        if throttled:
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
        "current-context": "c",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION",
                        str(tmp_path / "config"))  # fmt: skip
    yield url
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("address")
def test_an_error_has_the_api_servers_time_to_wait():
    with pytest.raises(ClusterError) as raised:
        connect().call("GET", "/throttled")
    assert (raised.value.status, raised.value.retry_after_seconds) == (429, 7.0)


def test_a_connection_that_is_swallowed_is_known_as_dead_within_half_a_minute(address: str):
    api = connect()
    api.call("GET", "/")
    pool = api._client.rest_client.pool_manager.connection_from_url(address)
    connection = pool.pool.get_nowait()
    assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    asked, again, times, unanswered = (
        connection.sock.getsockopt(socket.IPPROTO_TCP, option)
        for option in (
            socket.TCP_KEEPIDLE,
            socket.TCP_KEEPINTVL,
            socket.TCP_KEEPCNT,
            socket.TCP_USER_TIMEOUT,
        )
    )
    connection.close()
    assert asked + again * times <= 30
    assert 0 < unanswered <= 30_000


_OUTER = [
    {name: "http://127.0.0.1:9"}  # nothing listens there
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")
]


@pytest.fixture
def no_outer_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("no_proxy", [None, "localhost,.hospital.example"])
@pytest.mark.parametrize("outer", _OUTER, ids=lambda outer: next(iter(outer)))
def test_the_api_is_never_asked_by_way_of_the_outer_proxy(
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    no_outer_proxy: None,
    outer: dict[str, str],
    no_proxy: str | None,
):
    for name, value in {**outer, **({"NO_PROXY": no_proxy} if no_proxy else {})}.items():
        monkeypatch.setenv(name, value)
    assert connect().call("GET", "/") == {}


def test_nor_is_it_from_within_a_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_outer_proxy: None
):
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_bytes(Path(certifi.where()).read_bytes())
    within = InClusterConfigLoader(str(tmp_path / "token"), str(tmp_path / "ca.crt"))
    monkeypatch.setattr("kubernetes.config.load_incluster_config", within.load_and_set)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    api = connect()
    assert api._client.configuration.host == "https://10.96.0.1:443"
    assert type(api._client.rest_client.pool_manager) is urllib3.PoolManager


def test_a_kubeconfig_may_name_a_proxy_for_the_api(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_outer_proxy: None
):
    config = json.loads((tmp_path / "config").read_text())
    config["clusters"][0]["cluster"]["proxy-url"] = address  # responds to any request
    config["clusters"][0]["cluster"]["server"] = "http://api.hospital.example"
    (tmp_path / "config").write_text(json.dumps(config))
    monkeypatch.setenv("NO_PROXY", "*")
    assert connect().call("GET", "/") == {}
