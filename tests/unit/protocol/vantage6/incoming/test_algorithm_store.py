"""An algorithm store with unexpected answers, over a real socket."""

import pytest

from node_poc.protocol.vantage6.errors import StoreAwayError, UnreachableError
from node_poc.protocol.vantage6.incoming import algorithm_store
from node_poc.protocol.vantage6.incoming.algorithm_store import store_has
from tests.fakes.vantage6_http import token

STORE_ANSWERS = {
    "has it": ((200, {"data": [{"image": "host/a:1"}]}), True),
    "has it with a digest": ((200, {"data": [{"image": "host/a@sha256:" + "a" * 64}]}), True),
    "has it not": ((200, {"data": []}), False),
    "has another": ((200, {"data": [{"image": "host/ab:1"}]}), False),
    "has what is none": ((200, {"data": ["host/a", {"image": None}, {}]}), False),
    "does not know": ((404, {"msg": "not found"}), False),
    "does not let us": ((401, {"msg": "Missing Authorization Header"}), False),
}


@pytest.mark.parametrize("kind", STORE_ANSWERS)
def test_a_store_is_asked_as_vantage6_does(server, rest, kind):
    answer, has_it = STORE_ANSWERS[kind]
    seen = []

    def store(_method, path, headers, _body):
        seen.append((path, dict(headers)))
        return answer

    server.answers["/store/algorithm"] = store
    assert store_has(rest, server.address + "/store/", "host/a:1") is has_it
    ((path, headers),) = seen
    assert path.endswith("?image=host%2Fa%3A1")
    assert headers["Server-Url"] == server.address + "/api"
    assert headers["Client-Type"] == "node"
    assert headers["Authorization"] == f"Bearer {token(mark='t1')}"


@pytest.mark.parametrize("answer", [(500, b""), (302, b""), (200, b"<html>"), (200, {"data": 5})])
def test_a_store_that_does_not_answer_is_asked_three_times(server, rest, answer, monkeypatch):
    monkeypatch.setattr(algorithm_store, "_PAUSE_SECONDS", 0.01)
    server.answers["/store/algorithm"] = answer
    with pytest.raises(StoreAwayError):
        store_has(rest, server.address + "/store", "host/a:1")
    asked = [path for _, path, _, _ in server.asked if path.startswith("/store")]
    assert len(asked) == 3


def test_a_store_that_is_down_is_no_trouble_of_the_server(rest, monkeypatch):
    monkeypatch.setattr(algorithm_store, "_PAUSE_SECONDS", 0.01)
    with pytest.raises(StoreAwayError):
        store_has(rest, "http://127.0.0.1:1", "host/a:1")


def test_trouble_with_the_token_is_no_trouble_of_the_store(server, rest):
    server.answers["/api/token/node"] = (500, b"")
    with pytest.raises(UnreachableError):
        store_has(rest, server.address + "/store", "host/a:1")
