"""The answers to the kubelet's probes and to other connections."""

import socket
import time

import pytest

from node_poc import probes
from node_poc.observe import health
from node_poc.observe.health import Checks, HealthServer

CHECKS = {"/healthz": lambda: True, "/readyz": lambda: False}
PROBE = b"GET %s HTTP/1.1\r\nHost: a:1\r\nUser-Agent: kube-probe/1.35\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (PROBE % b"/healthz", 200),
        (PROBE % b"/healthz?verbose", 200),
        (b"HEAD /healthz HTTP/1.0\n\n", 200),
        (PROBE % b"/readyz", 503),
        (PROBE % b"/", 404),
        (b"POST /healthz HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01 TLS\r\n\r\n", 400),
        (b"\n\n", 400),
        (PROBE % (b"/healthz?" + b"x" * 9000), 400),
    ],
)
def test_what_is_answered(head, status):
    assert probes.is_whole(head)
    told = probes.answer(head, CHECKS)
    assert told.startswith(b"HTTP/1.1 %d " % status)
    assert told.endswith(b"Content-Length: 0\r\nConnection: close\r\n\r\n")


def test_remarks_are_told_with_their_path_only():
    told = probes.answer(PROBE % b"/readyz", CHECKS, {"/readyz": lambda: ["disk", "naïve"]})
    head, _, text = told.partition(b"\r\n\r\n")
    assert text.decode() == "disk\nnaïve\n"
    assert b"Content-Length: %d\r\n" % len(text) in head
    assert probes.answer(PROBE % b"/healthz", CHECKS, {"/readyz": lambda: ["disk"]}).endswith(b"\n")


@pytest.fixture
def server():
    made = HealthServer(0, Checks(lambda: True, lambda: True))
    made.start()
    yield made
    made.stop()


def ask(server, *parts):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.02 if len(parts) > 1 else 0)
        return connection.makefile("rb").read()


def test_a_request_in_pieces_is_answered(server):
    head = PROBE % b"/healthz"
    assert ask(server, head[:3], head[3:20], head[20:]).startswith(b"HTTP/1.1 200 ")


def test_those_who_say_nothing_hold_up_no_probe(server):
    silent = [
        socket.create_connection(("127.0.0.1", server.port), timeout=10)
        for _ in range(2 * health._MOST_OPEN)
    ]
    assert ask(server, PROBE % b"/healthz").startswith(b"HTTP/1.1 200 ")
    assert silent[0].recv(1) == b""  # the server closed the oldest connection
    for connection in silent:
        connection.close()
    assert ask(server, PROBE % b"/healthz").startswith(b"HTTP/1.1 200 ")


def test_who_says_nothing_is_let_go_after_a_while(monkeypatch):
    monkeypatch.setattr(health, "_HEAD_SECONDS", 0.1)
    server = HealthServer(0, Checks(lambda: True, lambda: True))
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        assert connection.recv(1) == b""
    server.stop()


def test_a_check_that_fails_ends_nothing(server):
    server._checks["/broken"] = lambda: 1 / 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(PROBE % b"/broken")
    assert ask(server, PROBE % b"/healthz").startswith(b"HTTP/1.1 200 ")
