"""Inputs encrypted for each organization, results decrypted: bodies without a network."""

import base64
import json
import os
import tracemalloc

import pytest

from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import RsaCryptor
from node_poc.proxy.payloads import NewTask, Results
from node_poc.proxy.refusals import RefusedError
from tests.unit.crypto.conftest import VECTORS

PUBLIC = VECTORS["public_key"]
UUID = "7f6f9d0e-3a53-4c1c-a3a5-b31f7a0c6d11"
INPUT = json.dumps({"method": "partial", "args": [], "kwargs": {"größe": "x" * 500}}).encode()


KEY = load_private_key(VECTORS["private_key"].encode())
GOOD = RsaCryptor(KEY).encrypt(INPUT + b" " * (-len(INPUT) % 3), PUBLIC)  # no padding at its end


def text_of(data):
    return base64.b64encode(data).decode()


def task(*organizations, **others):
    body = {"name": "n", "image": "i", "organizations": list(organizations), **others}
    return json.dumps(body).encode()


def test_each_input_is_encrypted_and_the_rest_stays(rsa):
    body = task(
        {"id": 5, "input": text_of(INPUT)},
        {"id": 6, "input": text_of(b"{}")},
        databases=[{"label": "default", "query": "ä"}],
        store_id=None,
    )
    new = NewTask(body)
    assert new.needs_keys_of == [5, 6]
    sent = json.loads(b"".join(new.encrypted(rsa, {5: PUBLIC, 6: PUBLIC})))
    plain = [rsa.decrypt(item.pop("input")) for item in sent["organizations"]]
    assert plain == [INPUT, b"{}"]
    came = json.loads(body)
    for item in came["organizations"]:
        del item["input"]
    assert sent == came


def test_a_task_for_a_thousand_organizations_is_no_junk(rsa):
    """Inputs that are just too short to be left where they lie, and a query of some length."""
    text = base64.b64encode(b"x" * 189).decode()
    body = task(
        *({"id": 2**31 - 1 - number, "input": text} for number in range(1000)),
        databases=[{"label": "default", "query": "q" * 100_000}],
    )
    assert len(NewTask(body).needs_keys_of) == 1000


def test_an_organization_that_is_named_twice_is_encrypted_for_twice(rsa):
    new = NewTask(task({"id": 5, "input": "e30="}, {"id": 5, "input": "e30="}))
    assert new.needs_keys_of == [5]
    sent = json.loads(b"".join(new.encrypted(rsa, {5: PUBLIC})))
    assert [rsa.decrypt(item["input"]) for item in sent["organizations"]] == [b"{}", b"{}"]


def test_a_stored_blobs_id_goes_on_as_it_is(rsa):
    body = task({"id": 5, "input": UUID}, {"id": 6})
    new = NewTask(body)
    assert new.needs_keys_of == []
    assert json.loads(b"".join(new.encrypted(rsa, {}))) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"[]", "Organizations missing"),
        (b"{}", "Organizations missing"),
        (task(), "Organizations missing"),
        (b'{"organizations": {"id": 1}}', "Organizations missing"),
        (task(1), "number as id"),
        (task({"id": "1"}), "number as id"),
        (task({"id": True}), "number as id"),
        (task({"id": -1}), "number as id"),
        (task({"id": 0}), "number as id"),
        (task({"id": 2**31}), "number as id, from 1 to 2147483647"),
        (task({"id": 10**400}), "number as id"),
        (task({"id": 1.0}), "number as id"),
        (task({"id": None}), "number as id"),
        (task({"id": [1]}), "number as id"),
        (task({"input": "e30="}), "number as id"),
        (task({"id": 1, "input": {}}), "base64 text"),
        (task({"id": 1, "input": None}), "base64 text"),
        (task(*[{"id": 1}] * 1001), "1000 organizations"),
    ],
    ids=range(19),
)
def test_a_task_that_makes_no_sense_is_refused(body, told):
    with pytest.raises(RefusedError, match=told) as refused:
        NewTask(body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("text", "key", "told"),
    [
        ("e30=", None, "organization 5: the organization has no public key"),
        ("e30=", "", "has no public key"),
        ("e30=", "QUFB", "cannot be read"),
        ("no base64", PUBLIC, "organization 5: the payload is not base64"),
        ("éé", PUBLIC, "not base64"),
        ("QUJD" * 100 + "Q", PUBLIC, "cut"),
    ],
)
def test_what_cannot_be_encrypted_is_told(rsa, text, key, told):
    new = NewTask(task({"id": 5, "input": text}))
    with pytest.raises(RefusedError, match=told) as refused:
        b"".join(new.encrypted(rsa, {5: key}))
    assert refused.value.status == 400
    assert text not in refused.value.told


def decrypted(value, rsa):
    return json.loads(b"".join(Results(json.dumps(value).encode()).decrypted(rsa)))


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
    with pytest.raises(RefusedError, match="the result of run 8 cannot be decrypted") as refused:
        decrypted({"id": 8, "result": text}, rsa)
    assert refused.value.status == 502
    assert text not in refused.value.told
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
    results = Results(json.dumps(page).encode())
    sent = json.loads(b"".join(results.decrypted(rsa)))
    assert sent["links"] == {}
    assert sent["data"][1:] == [{"id": 9, "result": text_of(INPUT)}, 3]
    assert sent["data"][0]["result"] is None
    assert "the result of run 8 cannot be decrypted" in sent["data"][0]["msg"]
    assert [error.about for error in results.unreadable] == [{"run": 8}]


@pytest.mark.parametrize("number", ["8", None, -1, 2**31, True])
def test_a_run_is_named_by_a_number_of_the_server_only(rsa, number):
    with pytest.raises(RefusedError) as refused:
        decrypted({"id": number, "result": "e30="}, rsa)
    assert (refused.value.about, "of run" in refused.value.told) == ({}, False)


def test_a_result_is_never_whole_in_memory(rsa):
    """In the proxy the body lies on disk, and so does what comes out."""
    body = json.dumps({"id": 1, "result": rsa.encrypt(os.urandom(20_000_000), PUBLIC)}).encode()
    tracemalloc.start()
    size = sum(len(piece) for piece in Results(body).decrypted(rsa))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 20_000_000
    assert peak < 6_000_000


def test_an_answer_that_is_no_json_is_told():
    with pytest.raises(RefusedError, match="cannot be read") as refused:
        Results(b"<html>")
    assert refused.value.status == 502
