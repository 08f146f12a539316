"""The server's results, decrypted for an algorithm of the results' own job."""

import base64
import json
import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import PlainCryptor, RsaCryptor
from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.results import ResultsAnswer, open_results, task_of_result
from tests.unit.crypto.conftest import VECTORS

PUBLIC = VECTORS["public_key"]
UUID = "7f6f9d0e-3a53-4c1c-a3a5-b31f7a0c6d11"
INPUT = json.dumps({"method": "partial", "args": [], "kwargs": {"größe": "x" * 500}}).encode()
RSA = RsaCryptor(load_private_key(VECTORS["private_key"].encode()))
GOOD = RSA.encrypt(INPUT + b" " * (-len(INPUT) % 3), PUBLIC)  # no base64 padding at the end


def text_of(data):
    return base64.b64encode(data).decode()


def decrypted(value, rsa):
    return json.loads(b"".join(ResultsAnswer(json.dumps(value).encode()).pieces(rsa, None)))


def test_results_come_as_base64_of_their_plain_bytes(rsa):
    page = {
        "data": [
            {"id": 1, "result": rsa.encrypt(INPUT, PUBLIC), "blob_storage_used": False},
            {"id": 2, "result": rsa.encrypt(b"{}", PUBLIC)},
            {"id": 3, "result": None, "blob_storage_used": None},
            {"id": 4, "result": "", "blob_storage_used": False},
            {"id": 5, "result": UUID, "blob_storage_used": True},
        ],
        "links": {"next": None, "first": "/result?task_id=1&page=1"},
    }
    sent = decrypted(page, rsa)
    assert [run["result"] for run in sent["data"]] == [
        text_of(INPUT),
        text_of(b"{}"),
        None,
        "",
        UUID,
    ]
    assert sent["links"] == page["links"]
    assert decrypted(page["data"][0], rsa)["result"] == text_of(INPUT)


@pytest.mark.parametrize("value", [[], "text", None, 3, {}, {"data": None}, {"data": [1, None]}])
def test_answers_of_another_shape_go_on_as_they_are(rsa, value):
    assert decrypted(value, rsa) == value


@pytest.mark.parametrize("text", ["e30=", VECTORS["for_another"], "a$b$c", "QUJD" * 200])
def test_a_result_that_cannot_be_opened_is_told_with_its_run(rsa, text):
    with pytest.raises(
        RequestRefusedError, match="the result of run 8 cannot be decrypted"
    ) as refused:
        decrypted({"id": 8, "result": text}, rsa)
    assert refused.value.status == 502
    assert text not in refused.value.reason
    assert (refused.value.kind, refused.value.about) == (
        "a result cannot be decrypted",
        {"run": 8},
    )


@pytest.mark.parametrize(
    "text", ["e30=", VECTORS["for_another"], "QUJD" * 200, f"{GOOD}*", f"{GOOD}QQ", f"{GOOD}=QQQ"]
)
def test_one_bad_result_of_a_page_hides_no_other(rsa, text):
    good = rsa.encrypt(INPUT, PUBLIC)
    page = {"data": [{"id": 8, "result": text}, {"id": 9, "result": good}, 3], "links": {}}
    results = ResultsAnswer(json.dumps(page).encode())
    sent = json.loads(b"".join(results.pieces(rsa, None)))
    assert sent["links"] == {}
    assert sent["data"][1:] == [{"id": 9, "result": text_of(INPUT)}, 3]
    assert sent["data"][0]["result"] is None
    assert "the result of run 8 cannot be decrypted" in sent["data"][0]["msg"]
    assert [error.about for error in results.findings.left_out] == [{"run": 8}]


@pytest.mark.parametrize("number", ["8", None, -1, 2**31, True])
def test_a_run_is_named_by_a_number_of_the_server_only(rsa, number):
    with pytest.raises(RequestRefusedError) as refused:
        decrypted({"id": number, "result": "e30="}, rsa)
    assert (refused.value.about, "of run" in refused.value.reason) == ({}, False)


def test_a_result_is_never_whole_in_memory(rsa):
    """In the proxy, both the body and the decrypted output are on disk."""
    body = json.dumps({"id": 1, "result": rsa.encrypt(os.urandom(20_000_000), PUBLIC)}).encode()
    tracemalloc.start()
    size = sum(len(piece) for piece in ResultsAnswer(body).pieces(rsa, None))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 20_000_000
    assert peak < 6_000_000


def test_an_answer_that_is_no_json_is_told():
    with pytest.raises(RequestRefusedError, match="cannot be read") as refused:
        ResultsAnswer(b"<html>")
    assert refused.value.status == 502


# --- the task of the results


def opened(value, cryptor, task_id):
    written = []
    noticed = open_results(json.dumps(value).encode(), cryptor, task_id, written.append)
    return json.loads(b"".join(written)), noticed


@pytest.mark.parametrize("cryptor", [RSA, PlainCryptor()], ids=["encrypted", "plain"])
def test_of_a_page_the_task_s_own_results_are_given_and_no_others(cryptor):
    mine, theirs = cryptor.encrypt(b"mine!", PUBLIC), cryptor.encrypt(b"theirs!", PUBLIC)
    page = {
        "data": [
            {"id": 1, "result": mine, "task": {"id": 3}},
            {"id": 2, "result": theirs, "task": {"id": 99}},
            {"id": 3, "result": UUID, "blob_storage_used": True, "task": {"id": 3}},
            {"id": 4, "result": UUID, "blob_storage_used": True, "task": {"id": 99}},
            {"id": 5, "result": theirs},
            theirs,
        ]
    }
    sent, noticed = opened(page, cryptor, 3)
    results = [run["result"] for run in sent["data"]]
    assert results == [text_of(b"mine!"), None, UUID, None, None, None]
    assert all("does not say" in sent["data"][number]["msg"] for number in (1, 3, 4, 5))
    assert noticed.stored == [UUID]
    assert len(noticed.left_out) == 4
    assert text_of(b"theirs!") not in json.dumps(sent)


@pytest.mark.parametrize("task", [{"id": 99}, {"id": "3"}, {"id": 3.0}, {"id": True}, {}, 3, None])
def test_a_single_result_of_no_such_task_is_refused(task):
    run = {"id": 1, "result": GOOD, "task": task}
    assert task_of_result(json.dumps(run).encode()) == (99 if task == {"id": 99} else None)
    with pytest.raises(RequestRefusedError) as refused:
        opened(run, RSA, 3)
    assert refused.value.status == 403


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(text_of(b"theirs!")) | st.just(GOOD),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["data", "result", "task", "id"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_no_shape_of_an_answer_opens_what_is_not_of_the_task(value):
    try:
        sent, _ = opened(value, RSA, 3)
    except RequestRefusedError:
        return
    mine = [run for run in sent["data"] if run.get("result") is not None]
    assert all(run["task"]["id"] == 3 for run in mine)
