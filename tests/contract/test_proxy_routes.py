"""The proxy over real sockets: requests to the server, and answers to the algorithm."""

import base64
import gzip
import json
import os
import re

import pytest
import requests

from node_poc.crypto.payload import RsaCryptor
from tests.fakes.proxy import API, proxy
from tests.fakes.tokens import NODE_TOKEN, USER_TOKEN
from tests.fakes.upstream import Answer
from tests.unit.crypto.conftest import VECTORS, private_key, rsa

__all__ = ["private_key", "rsa"]

PUBLIC = VECTORS["public_key"]
UUID = "7f6f9d0e-3a53-4c1c-a3a5-b31f7a0c6d11"
INPUT = json.dumps({"method": "partial", "kwargs": {"values": list(range(500))}}).encode()


def text_of(data):
    return base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def plain():
    with proxy() as running:
        yield running


@pytest.fixture(scope="module")
def encrypted():
    from node_poc.crypto.keys import load_private_key

    with proxy(RsaCryptor(load_private_key(VECTORS["private_key"].encode()))) as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_seen(request):
    for name in {"plain", "encrypted", "either"} & set(request.fixturenames):
        request.getfixturevalue(name).upstream.seen.clear()


@pytest.fixture(params=["plain", "encrypted"])
def either(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE"])
def test_any_other_route_goes_through_with_method_body_and_query(either, method):
    either.upstream.answers[method, f"{API}/some/thing"] = Answer.json({"done": method}, 201)
    body = {"a": ["ü", 1]} if method != "GET" else None
    got = either.request(method, "/some/thing?x=a%20b&y=%C3%BC", json=body)
    assert (got.status_code, got.json()) == (201, {"done": method})
    (seen,) = either.upstream.seen
    assert seen.path == f"{API}/some/thing?x=a%20b&y=%C3%BC"
    assert seen.header("Authorization") == either.headers["Authorization"]
    assert seen.header("Host") == f"127.0.0.1:{either.upstream.port}"
    if body:
        assert json.loads(seen.body) == body
        assert seen.header("Content-Type") == "application/json"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 422, 429, 500, 503])
def test_what_the_server_refuses_is_passed_on_and_not_repeated(either, status):
    answer = Answer.json({"msg": "the server's own words"}, status)
    for path in ("/run/9", "/result/9"):
        either.upstream.answers["GET", API + path] = answer
        got = either.get(path)
        assert (got.status_code, got.json()) == (status, {"msg": "the server's own words"})
        assert len(either.upstream.seen_at(API + path)) == 1


def test_a_compressed_answer_stays_as_it_is(either):
    body = gzip.compress(b'{"a": 1}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    either.upstream.answers["GET", f"{API}/run/1"] = Answer(200, body, headers)
    got = either.get("/run/1", stream=True)
    assert got.headers["Content-Encoding"] == "gzip"
    assert got.headers["Content-Length"] == str(len(body))
    assert got.raw.read(decode_content=False) == body


def test_headers_of_one_connection_stay_on_it(plain):
    plain.upstream.answers["GET", f"{API}/run/1"] = Answer(
        headers={"Set-Cookie": "a=b", "Server": "nginx/1.2", "X-Kept": "yes", "Keep-Alive": "3"}
    )
    own = {"X-Forwarded-For": "1.2.3.4", "Cookie": "a=b", "Connection": "keep-alive, X-Mine"}
    got = plain.get("/run/1", headers=own)
    assert not {"Set-Cookie", "Keep-Alive"} & set(got.headers)
    assert (got.headers["Server"], got.headers["X-Kept"]) == ("v6proxy", "yes")
    (seen,) = plain.upstream.seen
    assert {name.lower() for name, _ in seen.headers} <= {
        "host",
        "authorization",
        "accept",
        "accept-encoding",
        "connection",
    }
    assert seen.header("Connection") == "close"  # the proxy's own


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {NODE_TOKEN}"}], ids=range(2))
def test_without_a_containers_token_nothing_reaches_the_server(either, headers):
    for method, path in [("GET", "/versions"), ("POST", "/task"), ("GET", "/blobstream/status")]:
        got = requests.request(method, either.url + path, headers=headers, timeout=30)
        assert got.status_code == 401
        assert set(got.json()) == {"msg"}
    got = either.get("/version", headers={"Authorization": f"Bearer {USER_TOKEN}"})
    assert got.status_code == 401
    assert either.upstream.seen == []


def test_what_the_server_tells_everybody_needs_no_token(either):
    """vantage6's diagnostics send no token."""
    either.upstream.answers["GET", f"{API}/health"] = Answer.json({"database": True})
    for path, told in (("/version", {"version": "4.15.2"}), ("/health", {"database": True})):
        got = requests.get(either.url + path, timeout=30)
        assert (got.status_code, got.json()) == (200, told)
    assert [seen.header("Authorization") for seen in either.upstream.seen] == [None, None]
    assert requests.get(either.url + "/version", data=b"x", timeout=30).status_code == 401
    assert requests.post(either.url + "/version", timeout=30).status_code == 401
    assert len(either.upstream.seen) == 2


def new_task(*organizations, **others):
    return {"name": "n", "image": "i", "organizations": list(organizations), **others}


def test_a_task_of_a_plain_collaboration_goes_on_unchanged(plain):
    plain.upstream.answers["POST", f"{API}/task"] = Answer.json({"id": 1}, 201)
    body = new_task({"id": 5, "input": text_of(INPUT)}, databases=[{"label": "default"}])
    got = plain.post("/task", json=body)
    assert (got.status_code, got.json()) == (201, {"id": 1})
    (seen,) = plain.upstream.seen
    assert json.loads(seen.body) == body


def key_answers(upstream, **keys):
    for number, key in keys.items():
        upstream.answers["GET", f"{API}/organization/{number[1:]}"] = Answer.json(
            {"id": int(number[1:]), "public_key": key}
        )


def test_a_task_of_an_encrypted_collaboration_is_encrypted_for_each(encrypted, rsa):
    key_answers(encrypted.upstream, o5=PUBLIC, o6=PUBLIC)
    encrypted.upstream.answers["POST", f"{API}/task"] = Answer.json({"id": 1}, 201)
    other = b'{"method": "other"}'
    body = new_task(
        {"id": 5, "input": text_of(INPUT)}, {"id": 6, "input": text_of(other)}, study_id=2
    )
    got = encrypted.post("/task", json=body)
    assert (got.status_code, got.json()) == (201, {"id": 1})
    (seen,) = encrypted.upstream.seen_at(f"{API}/task")
    sent = json.loads(seen.body)
    assert sent["study_id"] == 2
    assert {item["id"]: rsa.decrypt(item["input"]) for item in sent["organizations"]} == {
        5: INPUT,
        6: other,
    }
    assert text_of(INPUT).encode() not in seen.body
    for asked in encrypted.upstream.seen_at(f"{API}/organization/5"):
        assert asked.header("Authorization") == encrypted.headers["Authorization"]


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        (Answer.json({"public_key": ""}), 400, "organization 7 has|has no public key"),
        (Answer.json({"public_key": None}), 400, "has no public key"),
        (Answer.json({"public_key": "junk"}), 400, "cannot be read"),
        (Answer.json({"public_key": 5}), 502, "cannot be read"),
        (Answer.json([]), 502, "cannot be read"),
        (Answer(200, b"<html>"), 502, "cannot be read"),
        (Answer.json({"msg": "no such"}, 404), 404, "organization 7: HTTP 404, no such"),
        (Answer.json({"msg": "x"}, 500), 502, "organization 7: HTTP 500"),
        (Answer(raw=b"junk"), 502, "broke off"),
    ],
    ids=range(9),
)
def test_without_a_key_the_task_is_not_made(encrypted, answer, status, told):
    encrypted.upstream.answers["GET", f"{API}/organization/7"] = answer
    got = encrypted.post("/task", json=new_task({"id": 7, "input": text_of(INPUT)}))
    assert got.status_code == status
    assert re.search(told, got.json()["msg"])
    assert encrypted.upstream.seen_at(f"{API}/task") == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"organizations": []}', b"\xff" * 100])
def test_a_task_that_is_none_is_refused(either, body):
    got = either.post("/task", data=body, headers={"Content-Type": "application/json"})
    assert got.status_code == 400
    assert either.upstream.seen == []


def own(number, result, **others):
    """Return a run of a task of the token's job, as the server lists its result."""
    return {"id": number, "result": result, "task": {"id": 1}, **others}


def test_results_are_decrypted_page_by_page(encrypted, rsa):
    page = {
        "data": [
            own(1, rsa.encrypt(INPUT, PUBLIC), blob_storage_used=False),
            own(2, UUID, blob_storage_used=True),
            own(3, None, blob_storage_used=False),
        ],
        "links": {"next": "/result?task_id=1&page=2"},
    }
    encrypted.upstream.answers["GET", f"{API}/result"] = Answer.json(page)
    encrypted.upstream.answers["GET", f"{API}/result/1"] = Answer.json(page["data"][0])
    got = encrypted.get("/result?task_id=1&page=2&per_page=3")
    assert [run["result"] for run in got.json()["data"]] == [text_of(INPUT), UUID, None]
    assert got.json()["links"] == page["links"]
    (seen,) = encrypted.upstream.seen_at(f"{API}/result")
    assert seen.path == f"{API}/result?task_id=1&page=2&per_page=3"
    assert seen.header("Accept-Encoding") == "identity"
    assert encrypted.get("/result/1").json()["result"] == text_of(INPUT)


def test_results_of_a_plain_collaboration_stay_as_they_are(plain):
    page = {"data": [own(1, text_of(INPUT)), own(2, "no base64")]}
    plain.upstream.answers["GET", f"{API}/result"] = Answer.json(page)
    assert plain.get("/result?task_id=1").json() == page
    assert plain.get("/result").status_code == 400


def test_a_result_for_another_key_is_told(encrypted):
    run = own(4, VECTORS["for_another"])
    encrypted.upstream.answers["GET", f"{API}/result/4"] = Answer.json(run)
    got = encrypted.get("/result/4")
    assert got.status_code == 502
    assert "result of run 4 cannot be decrypted" in got.json()["msg"]


def let_blob_be_read(running):
    """Make the blob a result of the token's own job, and let the proxy see the result."""
    run = own(1, UUID, blob_storage_used=True)
    running.upstream.answers["GET", f"{API}/result"] = Answer.json({"data": [run]})
    assert running.get("/result?task_id=1").status_code == 200


def test_blobs_are_encrypted_and_decrypted_on_their_way(either, rsa):
    data = os.urandom(3_000_000)
    cryptor = rsa if either.encrypts else None
    either.upstream.answers["POST", f"{API}/blobstream"] = Answer.json({"uuid": UUID}, 201)
    headers = {"X-Public-Key": PUBLIC, "Content-Type": "application/octet-stream"}
    pieces = (data[start : start + 100_000] for start in range(0, len(data), 100_000))
    got = either.post("/blobstream", data=pieces, headers=headers)
    assert (got.status_code, got.json()) == (201, {"uuid": UUID})
    (seen,) = either.upstream.seen_at(f"{API}/blobstream")
    assert seen.whole
    assert (cryptor.decrypt(seen.body) if cryptor else base64.b64decode(seen.body)) == data

    stored = Answer(200, seen.body, {"Content-Type": "application/octet-stream"})
    either.upstream.answers["GET", f"{API}/blobstream/{UUID}"] = stored
    let_blob_be_read(either)
    got = either.get(f"/blobstream/{UUID}", headers={"Accept-Encoding": "gzip"})
    assert got.status_code == 200
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.content == data


def test_whether_there_is_a_blob_store_says_the_server(either):
    status = Answer.json({"blob_store_enabled": False})
    either.upstream.answers["GET", f"{API}/blobstream/status"] = status
    assert either.get("/blobstream/status").json() == {"blob_store_enabled": False}


def test_a_blob_needs_the_key_of_its_reader_where_there_is_encryption(encrypted, plain):
    for headers in ({}, {"X-Public-Key": ""}, {"X-Public-Key": "junk"}):
        got = encrypted.post("/blobstream", data=b"x", headers=headers)
        assert got.status_code == 400
        assert "X-Public-Key" in got.json()["msg"]
    assert encrypted.upstream.seen == []
    plain.upstream.answers["POST", f"{API}/blobstream"] = Answer.json({"uuid": UUID}, 201)
    assert plain.post("/blobstream", data=b"x").status_code == 201


@pytest.mark.parametrize("body", [b"", b"no blob", b"QQ==$QQ==$x", b"A" * 10_000])
def test_a_blob_that_cannot_be_opened_is_told(encrypted, body):
    headers = {"Content-Type": "application/octet-stream"}
    encrypted.upstream.answers["GET", f"{API}/blobstream/{UUID}"] = Answer(200, body, headers)
    let_blob_be_read(encrypted)
    got = encrypted.get(f"/blobstream/{UUID}")
    assert got.status_code == 502
    assert "cannot be decrypted" in got.json()["msg"]


def test_the_kubelet_asks_on_another_port(plain):
    assert requests.get(f"http://127.0.0.1:{plain.health_port}/healthz", timeout=30).ok
    assert requests.get(f"http://127.0.0.1:{plain.health_port}/readyz", timeout=30).ok
    assert requests.get(f"http://127.0.0.1:{plain.health_port}/task", timeout=30).status_code == 404
    assert requests.get(f"{plain.url}/healthz", timeout=30).status_code == 401
