"""An algorithm takes all memory, disk, time or log space: others are still served."""

import base64
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
import requests
from structlog.testing import capture_logs

from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import RsaCryptor
from node_poc.proxy import handler
from node_poc.proxy.settings import Limits
from node_poc.proxy.spool import SpoolBudget
from tests.contract.test_proxy_process import PUBLIC, peak_bytes, process
from tests.fakes.proxy import API, proxy
from tests.fakes.station import eventually
from tests.fakes.tokens import container_token
from tests.fakes.upstream import Answer, Upstream
from tests.unit.crypto.conftest import VECTORS

RSA = RsaCryptor(load_private_key(VECTORS["private_key"].encode()))
HEAD = f"Host: v6proxy\r\nAuthorization: Bearer {container_token()}\r\n".encode()
LIMITS = Limits(
    body_bytes=2_000_000,
    spooled_bytes=16_000_000,
    spooled_bytes_of_one=4_000_000,
    client_seconds=1.0,
    client_bytes_per_second=100_000,
    server_seconds=20.0,
)


def let_tasks_through(upstream):
    upstream.answers["GET", f"{API}/organization/1"] = Answer.json({"public_key": PUBLIC})
    upstream.answers["POST", f"{API}/task"] = Answer.json({"id": 1}, 201)


@pytest.fixture
def running():
    with proxy(RSA, LIMITS) as made:
        let_tasks_through(made.upstream)
        yield made


def refusals(lines):
    return [line for line in lines if line["event"] == "request refused"]


# --- memory


def junk_task(size):
    junk = b'{"":0},' * (size // 7)
    return b'{"organizations":[{"id":1,"input":"e30="}],"x":[' + junk + b"0]}"


def post_at_once(running, body, times):
    codes = []

    def post():
        codes.append(running.post("/task", data=body).status_code)

    threads = [threading.Thread(target=post) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return set(codes)


def test_bodies_that_are_all_brackets_take_little_memory(tmp_path):
    upstream = Upstream()
    let_tasks_through(upstream)
    with process(tmp_path, upstream, encrypted=True) as running:
        running.get("/run/1")
        before = peak_bytes(running)
        assert post_at_once(running, junk_task(3_900_000), 6) == {400}
        assert post_at_once(running, junk_task(490_000), 40) == {201}
        many = [{"id": 1, "input": "e30="}, *["A" * 256] * 14_000]
        body = json.dumps({"organizations": many}).encode()
        assert post_at_once(running, body, 10) == {400}
        grown = peak_bytes(running) - before
    upstream.close()
    print("MB more:", grown // 10**6)
    assert grown < 120_000_000


def test_a_server_that_is_slow_with_keys_does_not_hold_up_other_tasks(running):
    over = threading.Event()

    def late(_):
        over.wait(20)
        return Answer.json({"public_key": PUBLIC})

    running.upstream.answers["GET", f"{API}/organization/2"] = late
    body = json.dumps({"organizations": [{"id": 2, "input": "e30="}]}).encode()
    threads = [threading.Thread(target=post_at_once, args=(running, body, 1)) for _ in range(6)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(running.upstream.seen_at(f"{API}/organization/2")) == 6)
    assert running.post("/task", data=body.replace(b'"id": 2', b'"id": 1')).status_code == 201
    assert all(thread.is_alive() for thread in threads)  # they still wait for the key
    over.set()
    for thread in threads:
        thread.join()


# --- disk and time


def task_body(size):
    text = base64.b64encode(b"x" * size).decode()
    return json.dumps({"organizations": [{"id": 1, "input": text}]}).encode()


def trickle(connection, over):
    """Send a byte from time to time."""
    while not over.wait(0.1):
        try:
            connection.sendall(b"x")
        except OSError:
            return


@contextmanager
def trickling(*connections):
    over = threading.Event()
    threads = [threading.Thread(target=trickle, args=(each, over)) for each in connections]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("path", [b"/task", b"/some/thing", b"/blobstream"])
def test_who_was_quick_at_first_may_not_trickle_for_ever(running, path):
    head = b"POST " + path + b" HTTP/1.1\r\n" + HEAD + f"X-Public-Key: {PUBLIC}\r\n".encode()
    with running.connect() as connection:
        connection.sendall(head + b"Content-Length: 2000000\r\n\r\n" + b"x" * 1_900_000)
        connection.settimeout(20)
        with trickling(connection):
            assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


@pytest.fixture
def patient():
    """A proxy that gives a slow caller some seconds more, and the test time to look."""
    with proxy(RSA, replace(LIMITS, client_seconds=5.0)) as made:
        let_tasks_through(made.upstream)
        yield made


@pytest.fixture
def bytes_on_disk(monkeypatch):
    """The bytes of bodies that the proxy has put on its disk so far, one number a piece."""
    pieces, take = [], SpoolBudget.take

    def note(budget, caller, size):
        take(budget, caller, size)
        pieces.append(size)

    monkeypatch.setattr(SpoolBudget, "take", note)
    return pieces


def test_one_caller_does_not_hold_all_disk_and_gets_it_back(patient, bytes_on_disk):
    running = patient
    head = b"POST /task HTTP/1.1\r\n" + HEAD + b"Content-Length: 2000000\r\n\r\n"
    held = [running.connect() for _ in range(2)]
    for connection in held:
        connection.sendall(head + b"x" * 1_900_000)
    with trickling(*held):
        eventually(lambda: sum(bytes_on_disk) >= 3_800_000, "the proxy has both bodies")
        refused = running.post("/task", data=task_body(300_000))
        assert refused.status_code == 429
        assert "more than 4000000 bytes" in refused.json()["msg"]
        assert running.post("/task", data=task_body(10)).status_code == 201  # the task still fits

        def fits_again():
            time.sleep(0.2)  # the proxy counts connections, too
            return running.post("/task", data=task_body(300_000)).status_code == 201

        eventually(fits_again)
    for connection in held:
        connection.close()


def test_who_takes_an_answer_by_drops_is_given_up(running):
    running.upstream.answers["GET", f"{API}/run/1"] = Answer(200, b"x" * 30_000_000)
    with capture_logs() as lines, running.connect() as connection:
        connection.sendall(b"GET /run/1 HTTP/1.1\r\n" + HEAD + b"\r\n")

        def given_up():
            connection.recv(5_000)
            return refusals(lines)

        (line,) = eventually(given_up)
    assert line["told"] == "the answer was not taken in time"


# --- the log


def test_a_forged_token_makes_no_new_line():
    with proxy(RSA) as running, capture_logs() as lines:
        for number in range(50):
            token = {"Authorization": f"Bearer {container_token(task_id=number)}"}
            assert (
                requests.get(running.url + "/run//1", headers=token, timeout=30).status_code == 400
            )
    (line,) = refusals(lines)
    assert (line["address"], line["claims"]) == ("127.0.0.1", "task 0 of node 1")


def test_other_organizations_make_no_new_line_and_the_servers_words_stay_out_of_the_log():
    with proxy(RSA) as running, capture_logs() as lines:
        for number in range(1, 50):
            path = f"{API}/organization/{number}"
            running.upstream.answers["GET", path] = Answer.json({"msg": f"no {number} here"}, 404)
            got = running.post("/task", json={"organizations": [{"id": number, "input": "e30="}]})
            assert got.status_code == 404
            assert f"no {number} here" in got.json()["msg"]
            running.post("/task", json={"organizations": [{"id": 2**31 + number, "input": "e30="}]})
        running.upstream.answers["GET", f"{API}/organization/1"] = Answer.json({"public_key": ""})
        for text in range(50):
            organization = {"id": 1, "input": base64.b64encode(b"%d" % text).decode()}
            running.post("/task", json={"organizations": [organization]})
    told = refusals(lines)
    assert [line["told"][:30] for line in told] == [
        "the server does not give an or",
        "each of a task's organizations",
        "an input cannot be encrypted",
    ]
    assert (told[0]["organization"], told[0]["status"]) == (1, 404)
    assert " here" not in json.dumps(told)
    assert max(len(json.dumps(line)) for line in told) < 500


@pytest.mark.parametrize("number", [-1, 0, 2**31, 10**4000, "1", 1.5, None, True, [1]])
def test_an_organization_that_cannot_be_is_not_asked_of_the_server(running, number):
    body = json.dumps({"organizations": [{"id": 1, "input": "e30="}, {"id": number, "input": ""}]})
    assert running.post("/task", data=body.encode()).status_code == 400
    assert running.upstream.seen == []


def test_an_error_of_the_proxy_itself_is_logged_once_as_well(monkeypatch):
    def broken(*_):
        raise KeyError("a value of somebody")

    monkeypatch.setattr(handler, "read_target", broken)
    with proxy() as running, capture_logs() as lines:
        for _ in range(20):
            assert running.get("/run/1").status_code == 500
    (line,) = [line for line in lines if line["event"] == "request failed"]
    assert (line["error"], line["address"]) == ("KeyError", "127.0.0.1")
    assert "somebody" not in json.dumps(lines)


def test_a_bad_result_of_a_page_is_logged_and_the_others_come(running):
    good, bad = RSA.encrypt(b'{"a": 1}', PUBLIC), VECTORS["for_another"]
    runs = [{"id": 1, "result": good}, {"id": 2, "result": bad}]
    page = {"data": [run | {"task": {"id": 1}} for run in runs]}
    running.upstream.answers["GET", f"{API}/result"] = Answer.json(page)
    with capture_logs() as lines:
        for _ in range(5):
            got = running.get("/result?task_id=1").json()["data"]
    assert base64.b64decode(got[0]["result"]) == b'{"a": 1}'
    assert got[1]["result"] is None
    assert "result of run 2 cannot be decrypted" in got[1]["msg"]
    (line,) = refusals(lines)
    assert (line["told"], line["run"]) == ("a result cannot be decrypted", 2)
