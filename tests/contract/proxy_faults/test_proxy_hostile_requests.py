"""Requests of hostile algorithms: ambiguous, aimed elsewhere, or random bytes."""

import json
import os

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quick_proxy import HEAD, let_tasks_through, rsa
from structlog.testing import capture_logs

from tests.fakes.proxy import API, proxy
from tests.fakes.tokens import container_token


@pytest.mark.parametrize(
    "line",
    [
        b"GET http://127.0.0.1:%d/other HTTP/1.1",
        b"GET //127.0.0.1:%d/other HTTP/1.1",
        b"GET /../other HTTP/1.1",
        b"GET /run/../../other HTTP/1.1",
        b"GET /%%2e%%2e/other HTTP/1.1",
        b"GET /run%%2f..%%2f..%%2fother HTTP/1.1",
        b"GET /run\\..\\other HTTP/1.1",
        b"GET @127.0.0.1:%d/other HTTP/1.1",
        b"CONNECT 127.0.0.1:%d HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"TRACE /run/1 HTTP/1.1",
        b"HEAD /run/1 HTTP/1.1",
        b"POST /token/node HTTP/1.1",
        b"GET /run/1?a=b#c HTTP/1.1",
        b"GET /" + b"a" * 8100 + b" HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"GET /run/1 HTTP/3.7",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET",
        b"",
    ],
    ids=range(20),
)
def test_it_is_no_way_to_anywhere_else(running, line):
    if b"%d" in line or b"%%" in line:
        line = line % running.upstream.port if b"%d" in line else line % ()
    answer = running.raw(line + b"\r\n" + HEAD + b"Connection: close\r\n\r\n")
    assert running.upstream.seen == []
    assert answer.split(b" ")[1][:1] == b"4", answer[:100]


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Transfer-Encoding: chunked, gzip\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"X: " + b"y" * 100_000 + b"\r\n",
        b"X: y\r\n" * 10_000,
        b"X y: z\r\n",
        b"X: a\x00b\r\n",
        b" X: folded\r\n",
    ],
    ids=range(11),
)
def test_requests_that_could_be_read_in_two_ways_are_refused(running, headers):
    for path in (b"/some/thing", b"/task"):
        data = (
            b"POST "
            + path
            + b" HTTP/1.1\r\n"
            + HEAD
            + headers
            + b"\r\n0\r\n\r\nGET /x HTTP/1.1\r\n"
        )
        answer = running.raw(data + HEAD + b"\r\n", end=True)
        assert running.upstream.seen == []
        assert answer == b"" or answer.split(b" ")[1] in {b"400", b"431"}


fuzzed = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
heads = st.sampled_from([b"", b"GET /version HTTP/1.1\r\n", b"POST /task HTTP/1.1\r\n" + HEAD])


@fuzzed
@given(heads, st.binary(max_size=300))
def test_any_bytes_leave_it_serving(running, head, junk):
    running.raw(head + junk, end=True)
    assert not [seen for seen in running.upstream.seen if seen.method != "GET" and seen.whole]


@fuzzed
@given(
    st.text(alphabet="/.%2eF5c:@\\;?#&=arun19", max_size=30),
    st.sampled_from(["GET", "POST", "DELETE", "BREW"]),
)
def test_any_path_stays_below_the_api_or_is_refused(running, path, method):
    running.upstream.seen.clear()
    line = f"{method} /{path} HTTP/1.1\r\n".encode()
    answer = running.raw(line + HEAD + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.")
    for seen in running.upstream.seen:
        assert seen.path.startswith(f"{API}/")
        assert ".." not in seen.path.partition("?")[0]


def test_each_refusal_is_logged_once_and_nothing_secret_ever():
    secret = f"{os.getpid()}-in-a-body"
    with proxy(rsa()) as fresh, capture_logs() as lines:
        let_tasks_through(fresh)
        for _ in range(20):
            fresh.raw(b"GET /run//1 HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
            requests.get(fresh.url + "/run/1", timeout=30)
            fresh.post("/task", data=secret)
            fresh.post("/some/thing", data=secret)  # the server's own 404, no refusal
            fresh.raw(b"NONSENSE\r\n" + secret.encode() + b"\r\n\r\n")
        assert fresh.serves()
    told = [line["told"] for line in lines if line["event"] == "request refused"]
    assert len(told) == len(set(told)) == 4
    everything = json.dumps(lines, default=str)
    assert container_token().split(".")[1] not in everything
    assert secret not in everything
