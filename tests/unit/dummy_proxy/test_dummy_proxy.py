"""The dummy proxy: its pure parts, and its process over real loopback sockets."""

import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from http import HTTPStatus
from pathlib import Path

import proxy
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

FOLDER = Path(__file__).resolve().parents[3] / "dummy_proxy"


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def refusing():
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{reserved.getsockname()[1]}"


class Process:
    """The proxy's process; ``seen`` is the log up to the last line waited for."""

    def __init__(self, outbound_probe):
        env = {
            "PATH": os.environ["PATH"],
            "LISTEN_PORT": "0",
            "OUTBOUND_PROBE": outbound_probe,
            "OUTBOUND_TRIES": "1",
        }
        command = [sys.executable, "-u", str(FOLDER / "proxy.py")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        self.seen = ""
        self.port = int(re.search(r"port (\d+)", self.line_with("listening"))[1])

    def line_with(self, words):
        for line in self.process.stdout:
            self.seen += line
            if words in line:
                return line
        raise AssertionError(f"{words!r} not in {self.seen!r}")

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body


@pytest.fixture
def process(listening):
    running = Process(listening)
    yield running
    running.process.kill()
    running.process.wait()
    running.process.stdout.close()


def test_routes(process):
    process.line_with("outbound traffic: enabled")
    status, body = process.get("/")
    assert (status, json.loads(body)) == (200, {"service": "v6proxy", "outbound": True})
    assert process.get("/healthz") == (200, "ok\n")
    assert process.get("/elsewhere?x=1")[0] == 404
    assert process.get("/", "HEAD") == (200, "")
    assert process.get("/", "POST")[0] == 501


def test_requests_are_logged_on_one_line(process):
    process.get("/else%0Awhere")
    assert "GET '/else%0Awhere' from 127.0.0.1: 404\n" in process.line_with("404")


def test_garbage_and_half_requests_hurt_nobody(process):
    address = ("127.0.0.1", process.port)
    idle = socket.create_connection(address)
    for garbage in (b"\x00\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"x" * 70_000):
        with socket.create_connection(address) as connection:
            connection.sendall(garbage)
    assert process.get("/healthz")[0] == 200
    idle.close()


def test_sigterm_ends_it_at_once_even_with_an_idle_client(process):
    with socket.create_connection(("127.0.0.1", process.port)):
        process.get("/healthz")
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(timeout=20) == 0


def test_the_probe(listening, refusing):
    assert proxy.probe_outbound(listening) == proxy.Outbound(
        enabled=True, line=f"outbound traffic: enabled ({listening} answered)"
    )
    refused = proxy.probe_outbound(refusing)
    assert refused.enabled is False
    assert refused.line.startswith("outbound traffic: DISABLED (")
    assert "refused" in refused.line


@pytest.mark.parametrize("address", ["", "host", "host:x", ":1", "127.0.0.1:99999999"])
def test_the_probe_never_raises(address):
    assert proxy.probe_outbound(address).enabled is False


def test_before_the_probe_has_ended_outbound_is_null():
    status, _, body = proxy.answer("/", None)
    assert (status, json.loads(body)["outbound"]) == (HTTPStatus.OK, None)


@pytest.mark.parametrize("port", ["x", "-1", "70000", ""])
def test_a_bad_port_is_told(port, capsys):
    assert proxy.main({"LISTEN_PORT": port}) == 2
    assert "Remedy" in capsys.readouterr().out


def test_a_taken_port_is_told(capsys):
    with socket.create_server(("0.0.0.0", 0)) as taken:
        assert proxy.main({"LISTEN_PORT": str(taken.getsockname()[1])}) == 4
    assert "Remedy" in capsys.readouterr().out


def test_the_deployment_says_what_the_node_relies_on():
    documents = list(yaml.safe_load_all((FOLDER / "proxy_pod_deployment.yaml").read_text()))
    deployment, headless, stable = documents
    assert {document["metadata"]["namespace"] for document in documents} == {"v6-jobs"}
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "v6proxy"
    for service in (headless, stable):
        assert service["spec"]["selector"].items() <= labels.items()
        assert service["spec"]["ports"][0]["port"] == 8080
    pod = template["spec"]
    assert (pod["hostname"], pod["subdomain"]) == ("v6proxy", headless["metadata"]["name"])
    assert headless["spec"]["clusterIP"] == "None"
    assert stable["metadata"]["name"] == "v6proxy"
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_outbound_that_opens_a_little_later_is_found_open(monkeypatch):
    """A pod's network may be ready a moment later than the pod."""
    monkeypatch.setattr(proxy, "PROBE_PAUSE_S", 0.3)
    with proxy.Proxy(("127.0.0.1", 0), proxy.Handler) as server, socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{late.getsockname()[1]}"
        probing = threading.Thread(target=proxy.report_outbound, args=(server, address, 20))
        probing.start()
        late.listen()
        probing.join(timeout=20)
        assert server.outbound is not None
        assert server.outbound.enabled


# --- many connections, large heads


def connect(process, address):
    return socket.create_connection(("127.0.0.1", process.port), 10, (address, 0))


def status(process, address, more=b""):
    with connect(process, address) as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n" + more + b"\r\n")
        return connection.recv(65_536).split(b"\r\n")[0]


@pytest.fixture
def many_files():
    """Let this process hold thousands of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_thousands_of_connections_of_some_pods_keep_nobody_out(process, many_files):
    """3,000 connections used to keep everybody out for a minute."""
    with ExitStack() as stack:
        for number in range(3000):
            with suppress(OSError):
                stack.enter_context(connect(process, f"127.0.2.{number % 10 + 1}"))
        start = time.monotonic()
        for pod in range(5):
            assert status(process, f"127.0.3.{pod + 1}") == b"HTTP/1.0 200 OK"
        assert time.monotonic() - start < 30
        threads = Path(f"/proc/{process.process.pid}/status").read_text()
        assert int(re.search(r"Threads:\s+(\d+)", threads)[1]) <= proxy.MOST_CONNECTIONS + 5
    assert "too many are open" in process.line_with("refused")


def test_a_large_head_is_refused_with_the_reason(process):
    for more in (b"X: " + b"y" * 60_000 + b"\r\n", b"X: yyyyyyyy\r\n" * 1500):
        with connect(process, "127.0.2.1") as connection:
            with suppress(OSError):
                connection.sendall(b"GET /healthz HTTP/1.0\r\n" + more + b"\r\n")
            answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.0 431 ")
    assert status(process, "127.0.2.1", b"X: " + b"y" * 16_000 + b"\r\n") == b"HTTP/1.0 200 OK"


def test_a_request_that_is_drawn_out_ends(monkeypatch):
    monkeypatch.setattr(proxy, "CONNECTION_S", 0.3)
    with proxy.Proxy(("127.0.0.1", 0), proxy.Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        with socket.create_connection(server.server_address) as slow, suppress(OSError):
            slow.settimeout(10)
            for _ in range(500):
                slow.sendall(b"X")
                time.sleep(0.02)
            pytest.fail("it was never closed")
        server.shutdown()
        serving.join()


class Socket:
    """The part of a socket's interface that ``Connections`` uses."""

    is_ended = False

    def shutdown(self, _):
        self.is_ended = True


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 20)), max_size=80))
def test_nobody_is_kept_out_by_one_who_holds_more(history):
    connections, opened = proxy.Connections(most=8, most_of_one=4), {}
    for now, (address, number) in enumerate(history):
        if number > 12 and opened:
            gone = list(opened)[number % len(opened)]
            connections.give_back(gone)
            del opened[gone]
            continue
        held = Counter(opened.values())
        made = Socket()
        if connections.take(made, address, now):
            opened[made] = address
            opened = {each: held for each, held in opened.items() if not each.is_ended}
        else:
            full = len(opened) == 8 and held[address] + 2 > max(held.values())
            assert held[address] == 4 or full
        assert len(opened) <= 8
        assert max(Counter(opened.values()).values(), default=0) <= 4
