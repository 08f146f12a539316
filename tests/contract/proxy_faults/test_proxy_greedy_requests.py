"""Slow and greedy algorithms: large bodies, missing bodies, silent connections."""

import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
from quick_proxy import HEAD, PUBLIC, let_tasks_through, task_body
from structlog.testing import capture_logs

from tests.fakes.proxy import API
from tests.fakes.station import eventually
from tests.fakes.upstream import Answer


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
