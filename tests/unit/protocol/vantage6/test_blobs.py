"""A server's blob store with unexpected answers, over a real socket."""

import socket
import threading
import tracemalloc

import pytest

from node_poc.crypto.errors import CryptoError, TooLargeError
from node_poc.crypto.keys import make_private_key
from node_poc.crypto.payload import PlainCryptor, RsaCryptor
from node_poc.protocol.vantage6.blobs import Blobs
from node_poc.protocol.vantage6.errors import RefusedByServerError, ServerError, UnreachableError
from node_poc.protocol.vantage6.large_payloads import MAX_BYTES

NAME = "0b1f4a5e-0d1c-4b6a-9f0e-5a0f3c1d2e4b"
PATH = f"/api/blobstream/{NAME}"
PLAIN = PlainCryptor()
SIZE = 50_000_000


@pytest.fixture
def blobs(rest):
    return Blobs(rest, PLAIN)


def posts(server):
    return [body for method, path, _, body in server.asked if path == "/api/blobstream"]


def test_a_blob_is_read(server, blobs):
    server.answers[PATH] = (200, b"e30=")
    assert blobs.read(NAME, MAX_BYTES) == b"{}"


@pytest.mark.parametrize("name", ["", "../run/1", "e30=", f"{NAME}?a", f"{NAME}/../x", "é" * 36])
def test_what_is_no_name_is_not_asked_for(server, blobs, name):
    with pytest.raises(CryptoError, match="not a UUID"):
        blobs.read(name, MAX_BYTES)
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, RefusedByServerError),
        (401, RefusedByServerError),
        (501, RefusedByServerError),
        (500, UnreachableError),
        (503, UnreachableError),
        (302, UnreachableError),
        (204, UnreachableError),
    ],
)
def test_a_servers_no_is_told_from_its_trouble(server, blobs, status, error):
    server.answers[PATH] = server.answers["/api/blobstream"] = (status, {"msg": "why"})
    with pytest.raises(ServerError) as caught:
        blobs.read(NAME, MAX_BYTES)
    assert type(caught.value) is error
    if status != 204:
        with pytest.raises(ServerError) as caught:
            blobs.store(1, b"x", None)
        assert type(caught.value) is error


def expires_once(answer):
    given = []

    def says(*_):
        given.append(None)
        return (401, {"msg": "Token has expired"}) if len(given) == 1 else answer

    return says


def test_a_token_that_has_ended_is_replaced_and_all_is_sent_again(server, blobs):
    server.answers[PATH] = expires_once((200, b"e30="))
    server.answers["/api/blobstream"] = expires_once((201, {"uuid": NAME}))
    assert blobs.read(NAME, MAX_BYTES) == b"{}"
    assert blobs.store(1, b"result", None) == NAME
    assert posts(server) == [b"cmVzdWx0", b"cmVzdWx0"]


def test_a_result_is_stored_once_until_its_run_has_ended(server, blobs):
    server.answers["/api/blobstream"] = (201, {"uuid": NAME})
    assert blobs.store(1, b"a", None) == blobs.store(1, b"a", None) == NAME
    blobs.store(2, b"b", None)
    assert len(posts(server)) == 2
    blobs.forget(1)
    blobs.forget(1)
    blobs.store(1, b"a", None)
    assert len(posts(server)) == 3


@pytest.mark.parametrize("answer", [{}, {"uuid": None}, {"uuid": 5}])
def test_an_answer_without_a_name_is_no_success(server, blobs, answer):
    server.answers["/api/blobstream"] = (201, answer)
    with pytest.raises(UnreachableError, match="names no blob"):
        blobs.store(1, b"a", None)


def test_no_more_is_read_than_may_be(server, blobs):
    server.answers[PATH] = (200, b"AAAA" * (1 << 20))
    assert len(blobs.read(NAME, 3 << 20)) == 3 << 20
    with pytest.raises(TooLargeError, match="larger than 2 MiB"):
        blobs.read(NAME, 2 << 20)


def test_a_blob_that_breaks_off_is_trouble_and_no_input(rest):
    rest.token = lambda: "token"
    listener = socket.create_server(("127.0.0.1", 0))
    rest._base = f"http://127.0.0.1:{listener.getsockname()[1]}/api"

    def answers_half():
        with listener, listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ne30=")

    thread = threading.Thread(target=answers_half, daemon=True)
    thread.start()
    with pytest.raises(UnreachableError, match="blobstream"):
        Blobs(rest, PLAIN).read(NAME, MAX_BYTES)
    thread.join(10)


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_large_blob_in_little_memory(server, rest, encrypted):
    cryptor = RsaCryptor(make_private_key()) if encrypted else PLAIN
    key = cryptor.public_key if encrypted else None
    blobs = Blobs(rest, cryptor)
    server.answers["/api/blobstream"] = lambda *given: (201, {"uuid": NAME, "n": len(given[3])})
    data = bytes(SIZE)
    tracemalloc.start()
    try:
        blobs.store(1, data, key)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The server runs in this process and holds the bytes it received.
    (stored,) = posts(server)
    assert len(stored) >= SIZE
    assert peak < 4 * SIZE
    server.answers[PATH] = (200, stored)
    tracemalloc.start()
    try:
        assert blobs.read(NAME, MAX_BYTES) == data
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * SIZE
