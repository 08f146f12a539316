"""A slow, broken or absurd server behind the proxy."""

import gzip
import socket
import threading

import pytest
import requests
from quick_proxy import QUICK, let_tasks_through, task_body

from devserver.ports import free_port
from tests.fakes.proxy import API, proxy
from tests.fakes.station import eventually
from tests.fakes.upstream import Answer


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
