"""An algorithm may read its own job's results only. Real server: test_proxy_vantage6_jobs.py."""

import base64
import json
import os

import pytest
from structlog.testing import capture_logs

from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import PlainCryptor, RsaCryptor
from node_poc.proxy.settings import ResultsOf
from tests.fakes.proxy import API, proxy
from tests.fakes.tokens import container_token
from tests.fakes.upstream import Answer
from tests.unit.crypto.conftest import VECTORS

RSA = RsaCryptor(load_private_key(VECTORS["private_key"].encode()))
PUBLIC = VECTORS["public_key"]
SECRET = f"another study's result, made by {os.getpid()}".encode()
MINE = b"my own job's result, no base64!"
NAME, OTHER_NAME = "7f6f9d0e-3a53-4c1c-a3a5-b31f7a0c6d11", "7f6f9d0e-3a53-4c1c-a3a5-b31f7a0c6d12"
BLOB = {"Content-Type": "application/octet-stream"}


def text_of(data):
    return base64.b64encode(data).decode()


def run_of(task, number, result, **others):
    return {"id": number, "result": result, "task": {"id": task}, **others}


def let_results_be(upstream, cryptor):
    """Give the server results of task 1 (the token's job) and task 99 (another study)."""

    def results(seen):
        task = 99 if "=99" in seen.path else 1
        secret = SECRET if task == 99 else MINE
        return Answer.json({"data": [run_of(task, 5, cryptor.encrypt(secret, PUBLIC))]})

    upstream.answers["GET", f"{API}/result"] = results
    for number, task, data in ((5, 1, MINE), (500, 99, SECRET)):
        run = run_of(task, number, cryptor.encrypt(data, PUBLIC))
        upstream.answers["GET", f"{API}/result/{number}"] = Answer.json(run)
    for number, task, name in ((6, 1, NAME), (600, 99, OTHER_NAME)):
        run = run_of(task, number, name, blob_storage_used=True)
        upstream.answers["GET", f"{API}/result/{number}"] = Answer.json(run)
    for name, data in ((NAME, MINE), (OTHER_NAME, SECRET)):
        step = cryptor.encrypt_stream(PUBLIC)
        body = step.update(data) + step.finish()
        upstream.answers["GET", f"{API}/blobstream/{name}"] = Answer(200, body, BLOB)


@pytest.fixture(params=[PlainCryptor(), RSA], ids=["plain", "encrypted"])
def running(request):
    with proxy(request.param) as made:
        let_results_be(made.upstream, request.param)
        yield made


def test_the_own_jobs_results_are_given(running):
    (run,) = running.get("/result?task_id=1").json()["data"]
    assert base64.b64decode(run["result"]) == MINE
    assert base64.b64decode(running.get("/result/5").json()["result"]) == MINE
    assert running.get("/result/6").json()["result"] == NAME
    assert running.get(f"/blobstream/{NAME}").content == MINE


@pytest.mark.parametrize("path", ["/result?task_id=99", "/result/500", "/result/600"])
def test_another_studys_are_refused_with_the_reason(running, path):
    with capture_logs() as lines:
        got = running.get(path)
    assert got.status_code == 403
    assert "task 99 belongs to another job" in got.json()["msg"]
    assert "kubernetes.proxy.results" in got.json()["msg"]
    assert text_of(SECRET) not in got.text
    (line,) = [line for line in lines if line["event"] == "request refused"]
    assert (line["told"], line["task"]) == ("the results of another job were asked for", 99)


def test_a_blob_that_no_result_of_the_own_job_names_is_refused(running):
    assert running.get("/result/600").status_code == 403
    for name in (OTHER_NAME, NAME):
        got = running.get(f"/blobstream/{name}")
        assert got.status_code == 403
        assert "result?task_id=" in got.json()["msg"]
    assert running.get("/result/6").status_code == 200
    assert running.get(f"/blobstream/{NAME}").content == MINE
    assert running.get(f"/blobstream/{OTHER_NAME}").status_code == 403
    assert running.upstream.seen_at(f"{API}/blobstream/{OTHER_NAME}") == []


def test_what_one_job_was_told_another_does_not_know(running):
    assert running.get("/result/6").status_code == 200
    strangers = {"Authorization": f"Bearer {container_token(task_id=99)}"}
    assert running.get(f"/blobstream/{NAME}", headers=strangers).status_code == 403
    assert running.get("/result/600", headers=strangers).status_code == 200
    assert running.get(f"/blobstream/{OTHER_NAME}", headers=strangers).content == SECRET


def test_results_that_come_in_a_list_they_do_not_belong_in_are_left_out(running):
    cryptor = RSA if running.encrypts else PlainCryptor()
    page = {"data": [run_of(task, task, cryptor.encrypt(MINE, PUBLIC)) for task in (1, 99, 3)]}
    running.upstream.answers["GET", f"{API}/result"] = Answer.json(page)
    runs = running.get("/result?task_id=1&page=1&job_id=99").json()["data"]
    assert [run["result"] is None for run in runs] == [False, True, True]
    assert "does not say" in runs[1]["msg"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(500, b"<html>"), 502),
        (Answer(raw=b""), 502),
        (Answer(200, b"<html>"), 502),
        (Answer.json({"id": 3}), 502),
        (Answer.json({"id": 99, "job_id": 99}), 502),
        (Answer.json({"id": 3, "job_id": "99"}), 502),
        (Answer.json([]), 502),
        (Answer(200, b"[" * 900_000), 502),
        (Answer(200, b" " * 1_100_000 + b'{"id": 3, "job_id": 99}'), 502),
        (Answer.json({"msg": "no such task"}, 404), 404),
        (Answer.json({"msg": "bad token"}, 401), 401),
    ],
    ids=range(11),
)
def test_while_the_server_does_not_tell_the_job_nothing_is_given(running, answer, status):
    running.upstream.answers["GET", f"{API}/task/3"] = answer
    for path in ("/result?task_id=1", "/result/5", f"/blobstream/{NAME}"):
        got = running.get(path)
        assert got.status_code == status
        assert text_of(MINE) not in got.text
        assert MINE not in got.content
    running.upstream.answers["GET", f"{API}/task/3"] = Answer.json({"id": 3, "job_id": 3})
    assert running.get("/result/5").status_code == 200


def test_a_token_is_asked_about_once_a_minute_and_never_believed(running):
    for _ in range(5):
        assert running.get("/result/5").status_code == 200
    asked = running.upstream.seen_at(f"{API}/task/3") + running.upstream.seen_at(f"{API}/task/1")
    assert len(asked) == 2
    assert {seen.header("Authorization") for seen in asked} == {running.headers["Authorization"]}
    # The same claims with another signature: the proxy asks the server again.
    running.upstream.answers["GET", f"{API}/task/3"] = Answer.json({"msg": "bad"}, 422)
    forged = running.headers["Authorization"].rpartition(".")[0] + ".Zm9yZ2Vk"
    assert running.get("/result/5", headers={"Authorization": forged}).status_code == 422


def test_tasks_include_no_results(running):
    running.upstream.answers["GET", f"{API}/task"] = Answer.json({"data": []})
    for query in ("include=results", "include=runs,results", "incl%75de=%72esults&include=runs"):
        got = running.get(f"/task?{query}")
        assert got.status_code == 403
        assert "result?task_id=" in got.json()["msg"]
    assert running.get("/task?include=runs").status_code == 200


@pytest.mark.parametrize("cryptor", [PlainCryptor(), RSA], ids=["plain", "encrypted"])
def test_a_site_may_let_an_algorithm_read_all_of_the_collaboration(cryptor):
    with proxy(cryptor, results=ResultsOf.COLLABORATION) as running:
        let_results_be(running.upstream, cryptor)
        (run,) = running.get("/result?task_id=99").json()["data"]
        assert base64.b64decode(run["result"]) == SECRET
        assert base64.b64decode(running.get("/result/500").json()["result"]) == SECRET
        assert running.get(f"/blobstream/{OTHER_NAME}").content == SECRET
        assert running.upstream.seen_at(f"{API}/task/3") == []


# --- inputs that are names of blobs


def store(running, name, **options):
    running.upstream.answers["POST", f"{API}/blobstream"] = Answer.json({"uuid": name}, 201)
    headers = {"X-Public-Key": PUBLIC} | options.get("headers", {})
    got = running.post("/blobstream", data=MINE, headers=headers)
    assert (got.status_code, got.json()) == (201, {"uuid": name})


def make_task(running, text, **options):
    running.upstream.answers["POST", f"{API}/task"] = Answer.json({"id": 7}, 201)
    key = Answer.json({"public_key": PUBLIC})
    running.upstream.answers["GET", f"{API}/organization/1"] = key
    body = json.dumps({"organizations": [{"id": 1, "input": text}]})
    return running.post("/task", data=body, **options)


def test_the_name_of_an_input_that_the_task_stored_goes_on(running):
    store(running, NAME)
    assert make_task(running, NAME).status_code == 201
    (seen,) = running.upstream.seen_at(f"{API}/task")
    assert json.loads(seen.body)["organizations"][0]["input"] == NAME


def test_a_name_that_the_task_did_not_store_makes_no_subtask(running):
    """The node that runs the subtask would open another study's data for the subtask."""
    strangers = {"Authorization": f"Bearer {container_token(task_id=99)}"}
    store(running, NAME, headers=strangers)
    got = make_task(running, NAME)
    assert got.status_code == 400
    assert "POST /blobstream" in got.json()["msg"]
    assert make_task(running, OTHER_NAME).status_code == 400
    assert running.upstream.seen_at(f"{API}/task") == []
    assert make_task(running, NAME, headers=strangers).status_code == 201


def test_a_store_that_tells_no_name_is_told(running):
    for answer in (Answer.json([], 201), Answer.json({"uuid": 5}, 201), Answer(201, b"x" * 99_999)):
        running.upstream.answers["POST", f"{API}/blobstream"] = answer
        got = running.post("/blobstream", data=MINE, headers={"X-Public-Key": PUBLIC})
        assert got.status_code == 502
        assert "does not tell its name" in got.json()["msg"]
    running.upstream.answers["POST", f"{API}/blobstream"] = Answer.json({"msg": "off"}, 501)
    got = running.post("/blobstream", data=MINE, headers={"X-Public-Key": PUBLIC})
    assert (got.status_code, got.json()) == (501, {"msg": "off"})
