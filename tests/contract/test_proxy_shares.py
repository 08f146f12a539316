"""Pods that take all connections, request heads or threads: all other pods are still served.

Loopback has as many addresses as a test needs pods.
"""

import json
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager

import pytest
from structlog.testing import capture_logs

from node_poc.proxy.settings import Limits
from tests.contract.test_proxy_process import peak_bytes, process
from tests.fakes.proxy import API, proxy
from tests.fakes.station import eventually
from tests.fakes.tokens import container_token
from tests.fakes.upstream import Answer, Upstream

HEAD = f"Host: v6proxy\r\nAuthorization: Bearer {container_token()}\r\n".encode()
LIMITS = Limits(
    connections=40,
    connections_of_one=10,
    head_bytes=20_000,
    head_bytes_of_one=60_000,
    head_lines=20,
    header_seconds=30.0,
    idle_seconds=30.0,
)
NEIGHBOUR = "127.0.1.1"


def connect(running, address):
    made = socket.create_connection(("127.0.0.1", running.port), 20, (address, 0))
    made.settimeout(20)
    return made


def asks(running, address, path=b"/version", more=b""):
    """Return the status line that a pod at this address gets, or nothing."""
    with connect(running, address) as connection:
        try:
            end = b"Connection: close\r\n\r\n"
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\n" + HEAD + more + end)
            return connection.recv(65_536).split(b"\r\n")[0]
        except ConnectionError:
            return b""


@pytest.fixture
def running():
    with proxy(limits=LIMITS) as made:
        yield made


# --- connections


def until(over):
    """Return an answer that the server gives when ``over`` is set."""

    def late(_):
        over.wait(20)
        return Answer()

    return late


@contextmanager
def crowd(running, *, busy):
    """Hold all connections with four pods; yield the connections as soon as all are open."""
    with ExitStack() as stack:
        if busy:
            over = threading.Event()
            stack.callback(over.set)
            running.upstream.answers["GET", f"{API}/slow"] = until(over)
        held = []
        for pod in range(4):
            for _ in range(10):
                connection = stack.enter_context(connect(running, f"127.0.2.{pod + 1}"))
                if busy:
                    connection.sendall(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n")
                else:
                    connection.sendall(b"GET /sl")
                held.append(connection)
        if busy:
            eventually(lambda: len(running.upstream.seen_at(f"{API}/slow")) == 40)
        yield held


@pytest.mark.parametrize("busy", [False, True], ids=["silent", "busy"])
def test_pods_that_hold_all_connections_keep_nobody_out(running, busy):
    newcomers = [f"127.0.3.{pod + 1}" for pod in range(10)]
    with ExitStack() as stack, crowd(running, busy=busy) as held, capture_logs() as lines:
        start = time.monotonic()
        for address in newcomers:
            connection = stack.enter_context(connect(running, address))
            connection.sendall(b"GET /version HTTP/1.1\r\n" + HEAD + b"\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK")
        print("seconds for ten newcomers:", time.monotonic() - start)
        gone = [connection for connection in held if is_closed(connection)]
        # The addresses held equally many connections, so each loses about as many.
        given = Counter(connection.getsockname()[0] for connection in gone)
        assert sorted(given.values()) == [2, 2, 3, 3]
    told = {line["address"] for line in lines if "make room" in line.get("told", "")}
    assert told == set(given)


def is_closed(connection, seconds=0.01):
    connection.settimeout(seconds)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


# --- heads


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (b"X: " + b"y" * 20_000 + b"\r\n", b"more than 20000 bytes"),
        (b"X: y\r\n" * 30, b"more than 20 headers"),
    ],
    ids=["bytes", "lines"],
)
def test_a_head_that_is_too_large_is_refused_with_the_reason(running, more, told):
    with capture_logs() as lines:
        answer = running.raw(b"GET /version HTTP/1.1\r\n" + HEAD + more + b"\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 Request Header Fields Too Large")
    assert told in body
    assert "send fewer and shorter ones" in json.loads(body)["msg"]
    assert running.upstream.seen == []
    assert [line["event"] for line in lines] == ["request refused"]


def test_the_heads_of_one_pod_count_together(running):
    with ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(connect(running, "127.0.2.1"))
            connection.sendall(b"GET /version HTTP/1.1\r\nX: " + b"y" * 14_000)
        large = b"X: " + b"y" * 14_000 + b"\r\n"
        assert eventually(
            lambda: asks(running, "127.0.2.1", more=large) == b"HTTP/1.1 429 Too Many Requests"
        )
        assert asks(running, NEIGHBOUR, more=large) == b"HTTP/1.1 200 OK"
    # The proxy frees the space when the connections have gone.
    assert eventually(lambda: asks(running, "127.0.2.1", more=large) == b"HTTP/1.1 200 OK")


def test_a_request_waits_until_the_one_before_is_answered(running):
    over = threading.Event()
    running.upstream.answers["GET", f"{API}/slow"] = until(over)
    running.upstream.answers["POST", f"{API}/thing"] = Answer.json({"posted": True})
    body = b"POST /thing HTTP/1.1\r\n" + HEAD + b"Content-Length: 5\r\n\r\nhello"
    last = b"GET /version HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"
    with connect(running, NEIGHBOUR) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n" + body + last)
        eventually(lambda: running.upstream.seen_at(f"{API}/slow"))
        time.sleep(0.3)
        assert len(running.upstream.seen) == 1
        over.set()
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    paths = [seen.path.removeprefix(API) for seen in running.upstream.seen]
    assert paths == ["/slow", "/thing", "/version"]
    assert running.upstream.seen[1].body == b"hello"


def test_what_follows_a_request_in_hand_stays_with_its_sender(running):
    """The proxy does not read on: the data fills the sender's buffers until sending stops."""
    running.upstream.answers["GET", f"{API}/slow"] = Answer(wait_seconds=3)
    with connect(running, NEIGHBOUR) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n")
        eventually(lambda: running.upstream.seen_at(f"{API}/slow"))
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.sendall(b"GET /version HTTP/1.1\r\nX: " + b"y" * 50_000_000)


# --- memory: the attack with which three connections once killed the proxy


def attack(running, over, addresses):
    """Until ``over``, send pipelined requests with large heads, and heads without an end."""
    large = b"".join(b"X%d: %b\r\n" % (number, b"y" * 60_000) for number in range(100))
    request = b"GET /slow HTTP/1.1\r\n" + HEAD + large + b"\r\n"
    small = b"GET /slow HTTP/1.1\r\n" + HEAD + b"\r\n"

    def send(address, data):
        while not over.is_set():
            try:
                with connect(running, address) as connection:
                    connection.settimeout(1)
                    for _ in range(31):
                        connection.sendall(data)
            except OSError:
                continue

    kinds = [request, request.removesuffix(b"\r\n"), small + request]
    threads = [
        threading.Thread(target=send, args=(address, data))
        for address in addresses
        for data in kinds
    ]
    for thread in threads:
        thread.start()
    return threads


def test_heads_take_little_memory_and_a_neighbour_is_answered(tmp_path):
    upstream = Upstream()
    upstream.answers["GET", f"{API}/version"] = Answer.json({"version": "4.15.2"})
    upstream.answers["GET", f"{API}/slow"] = Answer(wait_seconds=2)
    with process(tmp_path, upstream, encrypted=False) as running:
        before, over = peak_bytes(running), threading.Event()
        threads = attack(running, over, ["127.0.2.1", "127.0.2.2"])
        waits = []
        try:
            for _ in range(10):
                start = time.monotonic()
                assert asks(running, NEIGHBOUR) == b"HTTP/1.1 200 OK"
                waits.append(time.monotonic() - start)
                time.sleep(0.2)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        grown = peak_bytes(running) - before
        assert running.process.poll() is None
    upstream.close()
    print("MB more:", grown // 10**6, "slowest neighbour:", round(max(waits), 3))
    assert grown < 40_000_000
    assert sorted(waits)[len(waits) // 2] < 5.0
