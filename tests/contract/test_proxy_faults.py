"""A slow, broken or absurd server; slow, greedy or hostile algorithms."""

import base64
import gzip
import json
import os
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import RsaCryptor
from node_poc.proxy.settings import Limits
from tests.fakes.ports import free_port
from tests.fakes.proxy import API, proxy
from tests.fakes.station import eventually
from tests.fakes.tokens import container_token
from tests.fakes.upstream import Answer
from tests.unit.crypto.conftest import VECTORS

PUBLIC = VECTORS["public_key"]
QUICK = Limits(
    body_bytes=2_000_000,
    spooled_bytes=12_000_000,
    spooled_bytes_of_one=6_000_000,
    connections=60,
    connections_of_one=30,
    header_seconds=3.0,
    idle_seconds=3.0,
    client_seconds=2.0,
    connect_seconds=5.0,
    server_seconds=4.0,
)
PATIENT = replace(QUICK, header_seconds=20.0, idle_seconds=20.0, server_seconds=20.0)


def rsa():
    return RsaCryptor(load_private_key(VECTORS["private_key"].encode()))


@pytest.fixture(params=["plain", "encrypted"], scope="module")
def running(request):
    with proxy(rsa() if request.param == "encrypted" else None, QUICK) as made:
        yield made


@pytest.fixture
def patient(running):
    """A proxy for tests in which many connections are open: its limits of time come late."""
    with proxy(rsa() if running.encrypts else None, PATIENT) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_seen(running):
    running.upstream.seen.clear()
    yield
    assert eventually(running.serves)


HEAD = f"Host: v6proxy\r\nAuthorization: Bearer {container_token()}\r\n".encode()


def task_body(size):
    text = base64.b64encode(b"x" * size).decode()
    return json.dumps({"name": "n", "organizations": [{"id": 1, "input": text}]}).encode()


def let_tasks_through(running):
    key = Answer.json({"public_key": PUBLIC})
    running.upstream.answers["GET", f"{API}/organization/1"] = key
    running.upstream.answers["POST", f"{API}/task"] = Answer.json({"id": 1}, 201)


# --- the server


def broken_first(times):
    count = 0

    def answer(_):
        nonlocal count
        count += 1
        return Answer(raw=b"") if count <= times else Answer.json({"answered": count})

    return answer


def test_a_question_is_asked_again_when_the_connection_breaks(running):
    running.upstream.answers["GET", f"{API}/run/1"] = broken_first(2)
    assert running.get("/run/1").json() == {"answered": 3}


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_nothing_else_is_ever_repeated(running, method):
    let_tasks_through(running)
    for path in ("/task", "/some/thing"):
        running.upstream.answers[method, API + path] = broken_first(1)
        got = running.request(method, path, data=task_body(10))
        assert got.status_code == 502
        assert "broke off" in got.json()["msg"]
        assert len([s for s in running.upstream.seen if s.method == method]) == 1
        running.upstream.seen.clear()


def test_a_task_is_not_repeated_when_its_answer_never_comes(running):
    let_tasks_through(running)
    running.upstream.answers["POST", f"{API}/task"] = Answer(wait_seconds=8)
    got = running.post("/task", data=task_body(10))
    assert got.status_code == 504
    assert len(running.upstream.seen_at(f"{API}/task")) == 1


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 502),
        (b"junk\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 502),
        (b"HTTP/1.1 999999 OK\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 502),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000, 502),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n", 502),
    ],
    ids=range(7),
)
def test_a_server_that_answers_nonsense_is_told(running, raw, status):
    running.upstream.answers["GET", f"{API}/run/1"] = Answer(raw=raw)
    assert running.get("/run/1").status_code == status


def test_no_redirect_leads_anywhere_else(running):
    other = socket.create_server(("127.0.0.1", 0))
    other.settimeout(0.3)
    running.upstream.answers["GET", f"{API}/run/1"] = Answer(
        302, b"", {"Location": f"http://127.0.0.1:{other.getsockname()[1]}/x"}
    )
    got = running.get("/run/1", allow_redirects=False)
    assert got.status_code == 502
    assert "redirect" in got.json()["msg"]
    assert "Location" not in got.headers
    with pytest.raises(TimeoutError):
        other.accept()
    other.close()


def test_an_answer_that_breaks_off_is_not_taken_for_the_whole(running):
    running.upstream.answers["GET", f"{API}/run/1"] = Answer(
        raw=b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"a" * 500
    )
    with pytest.raises(requests.RequestException):
        running.get("/run/1")


def test_a_server_that_is_away_is_told(running):
    nobody = f"http://127.0.0.1:{free_port()}"
    with proxy(None, QUICK, server=nobody) as alone:
        got = alone.get("/run/1")
        assert got.status_code == 502
        assert "cannot be reached" in got.json()["msg"]
        assert nobody.partition("//")[2] not in got.text


def test_a_server_that_compresses_unasked_is_told(running):
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    running.upstream.answers["GET", f"{API}/result/1"] = Answer(200, gzip.compress(b"{}"), headers)
    got = running.get("/result/1", stream=True)
    assert got.status_code == 502


def test_a_slow_server_holds_up_nobody_else(patient):
    over = threading.Event()

    def late(_):
        over.wait(20)
        return Answer()

    patient.upstream.answers["GET", f"{API}/run/1"] = late
    slow = [threading.Thread(target=patient.get, args=("/run/1",)) for _ in range(20)]
    for thread in slow:
        thread.start()
    eventually(lambda: len(patient.upstream.seen_at(f"{API}/run/1")) == 20)
    assert patient.serves()
    assert all(thread.is_alive() for thread in slow)  # they still wait for their answers
    over.set()
    for thread in slow:
        thread.join()


# --- algorithms


@pytest.mark.parametrize("path", ["/task", "/some/thing", "/blobstream"])
def test_a_body_that_is_too_big_is_refused_with_413(running, path):
    let_tasks_through(running)
    headers = {"X-Public-Key": PUBLIC}
    got = running.post(path, data=b"x" * 3_000_000, headers=headers)
    assert got.status_code == 413
    assert "2000000 bytes" in got.json()["msg"]
    unannounced = (b"x" * 100_000 for _ in range(30))
    got = running.post(path, data=unannounced, headers=headers)
    assert got.status_code == 413
    assert not [seen for seen in running.upstream.seen if seen.whole and seen.method == "POST"]


def test_results_that_are_too_big_are_told(running):
    big = Answer.json({"data": [{"id": 1, "result": "A" * 3_000_000}]})
    running.upstream.answers["GET", f"{API}/result"] = big
    got = running.get("/result?task_id=1")
    assert got.status_code == 502
    assert "per_page" in got.json()["msg"]


def test_a_body_that_breaks_off_never_becomes_a_task(running):
    let_tasks_through(running)
    body = task_body(1000)
    head = b"POST /task HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    running.raw(head + body[:-10], end=True)
    chunked = b"POST /task HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    running.raw(chunked + b"%x\r\n%b\r\n" % (len(body), body), end=True)
    assert running.serves()
    assert not [s for s in running.upstream.seen_at(f"{API}/task") if s.whole]


def test_bodies_that_broke_off_leave_no_disk_taken(running):
    let_tasks_through(running)
    body = task_body(1_400_000)
    head = b"POST /task HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    for part in range(20):
        with running.connect() as connection:
            connection.sendall(head + body[: len(body) - 1 - part * 20_000])
    eventually(lambda: running.post("/task", data=body).status_code == 201)


@pytest.mark.parametrize("path", ["/task", "/blobstream"])
def test_a_coded_body_is_not_encrypted_as_if_it_were_plain(running, path):
    let_tasks_through(running)
    headers = {"Content-Encoding": "gzip", "X-Public-Key": PUBLIC}
    got = running.post(path, data=b"x", headers=headers)
    assert got.status_code == 415
    assert running.upstream.seen == []


def test_a_body_that_never_comes_is_given_up(running):
    head = b"POST /some/thing HTTP/1.1\r\n" + HEAD + b"Content-Length: 100\r\n\r\nabc"
    start = time.monotonic()
    answer = running.raw(head)
    assert time.monotonic() - start < 15
    assert b" 408 " in answer.split(b"\r\n")[0]


@contextmanager
def drawing_out_heads(proxied):
    """Send heads without an end over twenty connections; yield the list of closed connections."""

    def slowloris(connection):
        try:
            while not over.is_set():
                connection.send(b"X-A: b\r\n")
                time.sleep(0.1)
        except OSError:
            closed.append(connection)

    over, closed = threading.Event(), []
    with ExitStack() as stack:
        held = [stack.enter_context(proxied.connect()) for _ in range(20)]
        for connection in held:
            connection.send(b"GET /version HTTP/1.1\r\n")
        threads = [threading.Thread(target=slowloris, args=(connection,)) for connection in held]
        for thread in threads:
            thread.start()
        try:
            yield closed
        finally:
            over.set()
            for thread in threads:
                thread.join()


def test_connections_that_say_nothing_hold_up_nobody(patient):
    with drawing_out_heads(patient) as closed:
        assert patient.serves()
        assert not closed  # thus the answer did not wait for their end


def test_connections_that_say_nothing_are_closed(running):
    with drawing_out_heads(running) as closed:
        eventually(lambda: len(closed) == 20, "all slow connections are closed")


def test_one_caller_has_no_more_than_its_share_of_connections(patient):
    held = [patient.connect() for _ in range(40)]
    refused = set()

    def count_refused():
        refused.update(connection for connection in held if is_closed(connection))
        return len(refused)

    eventually(lambda: count_refused() >= 10)
    assert count_refused() <= 10
    for connection in held:
        connection.close()
    assert eventually(patient.serves)


def is_closed(connection):
    connection.settimeout(0.01)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_who_takes_no_answer_is_given_up(running):
    running.upstream.answers["GET", f"{API}/run/1"] = Answer(200, b"x" * 30_000_000)
    with capture_logs() as lines, running.connect() as connection:
        connection.sendall(b"GET /run/1 HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert running.serves()
        late = "the answer was not taken in time"
        eventually(lambda: [line for line in lines if line.get("told") == late])
        size = 0
        try:
            while piece := connection.recv(1 << 20):
                size += len(piece)
        except ConnectionError:
            pass
        assert size < 30_000_000


def test_whoever_waits_for_leave_to_send_a_body_gets_it(running):
    let_tasks_through(running)
    body = task_body(10)
    with running.connect() as connection:
        connection.sendall(
            b"POST /task HTTP/1.1\r\n"
            + HEAD
            + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert connection.recv(1000).startswith(b"HTTP/1.1 201 ")


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
