"""Requests to a vantage6 server with unexpected answers, over a real socket."""

import json

import pytest

from node_poc.protocol.vantage6.errors import (
    AlreadyFinishedError,
    LoginRefusedError,
    RefusedByServerError,
    UnreachableError,
)
from node_poc.protocol.vantage6.rest import pages, session
from node_poc.protocol.vantage6.rest.bodies import RunPatch
from node_poc.protocol.vantage6.rest.session import RestSession
from tests.fakes.vantage6_http import token
from tests.unit.protocol.conftest import KEY


class Clock:
    """The session's clock, which goes on only when the test says how long."""

    def __init__(self):
        self._now = 1000.0

    def passes(self, seconds):
        self._now += seconds

    def monotonic(self):
        return self._now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(session, "time", made)
    return made


def test_login_gives_the_nodes_id_and_each_request_carries_the_token(server, rest):
    assert rest.login() == 7
    assert rest.get("node/7") == {"path": "/api/node/7"}
    assert server.asked[0][3] == json.dumps({"api_key": KEY}).encode()
    assert server.asked[1][2] == f"Bearer {token(mark='t1')}"


@pytest.mark.parametrize("status", [400, 401, 422])
def test_a_key_that_is_not_taken_is_told_without_the_key(server, rest, status):
    server.answers["/api/token/node"] = (status, {"msg": "Api key is not recognized!"})
    with pytest.raises(LoginRefusedError, match="not recognized") as caught:
        rest.login()
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"msg": "x"}),
        (502, b"<html>"),
        (404, b"nothing here"),
        (403, b"no"),
        (302, b""),
        (200, b"<html>"),
        (200, []),
        (200, {}),
        (200, {"access_token": "x", "refresh_token": "y"}),
        (200, {"access_token": token(sub={"a": 1}), "refresh_token": "y"}),
        (200, {"access_token": 5, "refresh_token": None}),
        (200, b"[" * 100_000),
    ],
)
def test_a_login_that_makes_no_sense_is_tried_again(server, rest, answer):
    server.answers["/api/token/node"] = answer
    with pytest.raises(UnreachableError):
        rest.login()
    del server.answers["/api/token/node"]
    assert rest.login() == 7


def test_a_server_that_is_away_is_unreachable():
    with pytest.raises(UnreachableError):
        RestSession("http://127.0.0.1:1", "/api", KEY).login()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((400, {"msg": "Cannot update an already finished algorithm run!"}), AlreadyFinishedError),
        (
            (400, {"msg": "Request body is incorrect", "errors": {"log": ["x"]}}),
            RefusedByServerError,
        ),
        ((401, {"msg": "This is not your algorithm run to PATCH!"}), RefusedByServerError),
        ((404, {"msg": "Run id=1 not found!"}), RefusedByServerError),
        ((413, b"too large"), UnreachableError),
        ((429, b""), UnreachableError),
        ((500, b""), UnreachableError),
        ((503, {"msg": 5}), UnreachableError),
        ((301, b""), UnreachableError),
        ((200, b"{"), UnreachableError),
        ((200, ["x"]), UnreachableError),
    ],
)
def test_each_answer_is_the_error_that_it_means(server, rest, answer, kind):
    server.answers["/api/run/1"] = answer
    with pytest.raises(kind):
        rest.patch("run/1", {"log": "x"})
    assert server.tokens == 1  # the token caused none of these errors


@pytest.mark.parametrize(
    "answer",
    [(401, {"msg": "Token has expired"}), (422, {"msg": "Signature verification failed"})],
)
def test_a_token_that_is_not_taken_is_replaced_and_the_request_made_again(server, rest, answer):
    seen = []

    def once(_method, _path, headers, body):
        seen.append((headers["Authorization"], body))
        return answer if len(seen) == 1 else None

    server.answers["/api/run/1"] = once
    server.answers["/api/token/refresh"] = (401, {"msg": "no"})
    rest.patch("run/1", RunPatch({"log": "l"}, "QUJD"))
    assert seen[0][0] != seen[1][0]
    assert json.loads(seen[1][1]) == {"log": "l", "result": "QUJD"}
    assert seen[0][1] == seen[1][1]


def test_a_token_is_refreshed_when_its_life_is_nearly_over(server, rest, clock):
    short = {
        "access_token": token(life=1),
        "refresh_token": "r1",
        "refresh_url": "/api/token/refresh",
    }
    server.answers["/api/token/node"] = (200, short)
    server.answers["/api/token/refresh"] = (
        200,
        {"access_token": token(mark="new"), "refresh_token": "r2"},
    )
    rest.login()
    clock.passes(0.9)
    assert rest.token() == token(mark="new")
    assert server.asked[-1][2] == "Bearer r1"


def short_login(life):
    answer = {"access_token": token(life=life), "refresh_token": "r1"}
    return 200, answer | {"refresh_url": "/api/token/refresh"}


@pytest.mark.parametrize("answer", [(500, {"msg": "x"}), (502, b"<html>"), (200, {})])
def test_a_refresh_in_trouble_is_not_waited_for_when_the_token_is_over(server, rest, clock, answer):
    server.answers["/api/token/node"] = short_login(1)
    server.answers["/api/token/refresh"] = answer
    rest.login()
    clock.passes(0.85)  # the token is due for renewal but still valid
    assert rest.token() == token(life=1)
    assert rest.token() == token(life=1)
    del server.answers["/api/token/node"]
    clock.passes(0.25)
    assert rest.token() == token(mark="t1")
    refreshes = [asked for asked in server.asked if asked[1] == "/api/token/refresh"]
    assert len(refreshes) == 2  # not once for each request


def test_a_refresh_in_trouble_does_not_keep_a_token_that_the_server_does_not_take(server, rest):
    rest.login()
    server.answers["/api/token/refresh"] = (500, b"")
    rest.renew(rest.token())
    assert rest.token() == token(mark="t2")


def test_a_netrc_does_not_take_the_tokens_place(server, rest, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    rest.get("node/7")
    assert server.asked[-1][2].startswith("Bearer ")


def test_the_oldest_page_comes_first(server, rest):
    def page(_method, path, _headers, _body):
        number = int(path.rpartition("page=")[2].partition("&")[0])
        links = {"last": "/api/run?state=open&page=3"}
        return 200, {"data": [{"page": number}], "links": links}

    server.answers["/api/run"] = page
    pages = list(rest.pages_from_last("run", 10, state="open"))
    assert pages == [[{"page": 3}], [{"page": 2}], [{"page": 1}]]


@pytest.mark.parametrize(
    ("real", "named", "most"),
    [(3, 10**9, 14), (1, 10**9, 12), (5, 7, 8), (4, 3, 3), (1, 0, 1), (1, -3, 1)],
)
def test_only_real_pages_are_followed(server, rest, real, named, most):
    """Whatever number of pages the server names, the node requests few pages that do not exist."""

    def page(_method, path, _headers, _body):
        number = int(path.rpartition("page=")[2].partition("&")[0])
        items = [number] if number <= real else []
        return 200, {"data": items, "links": {"last": f"/api/run?page={named}"}}

    server.answers["/api/run"] = page
    found = [items for items in rest.pages_from_last("run", 10) if items]
    assert found == [[number] for number in range(min(real, max(named, 1)), 0, -1)]
    assert len([asked for asked in server.asked if asked[1].startswith("/api/run")]) <= most


def test_a_list_without_end_is_read_up_to_a_bound(server, rest, monkeypatch):
    monkeypatch.setattr(pages, "_MAX_PAGES", 20)
    server.answers["/api/run"] = (200, {"data": [1], "links": {"last": "/api/run?page=5000"}})
    assert len(list(rest.pages_from_last("run", 10))) == 20


@pytest.mark.parametrize("links", [None, [], {"last": None}, {"last": 5}, {"last": "x?page=a"}])
def test_absurd_links_mean_one_page(server, rest, links):
    server.answers["/api/run"] = (200, {"data": [1], "links": links})
    assert list(rest.pages_from_last("run", 10)) == [[1]]


@pytest.mark.parametrize("data", [None, {}, "x", 5])
def test_a_list_without_items_is_trouble(server, rest, data):
    server.answers["/api/run"] = (200, {"data": data})
    with pytest.raises(UnreachableError):
        list(rest.pages_from_last("run", 10))


def test_neither_key_nor_tokens_are_in_any_errors_text(server, rest):
    server.answers["/api/run/1"] = (418, {"msg": "teapot"})
    with pytest.raises(RefusedByServerError) as caught:
        rest.patch("run/1", {"log": "secret log"})
    assert "secret" not in str(caught.value)
    assert token(mark="t1") not in str(caught.value)
