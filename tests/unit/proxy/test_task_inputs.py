"""A subtask's inputs, encrypted for each organization: bodies without a network."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import RsaCryptor
from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.task_inputs import NewTask, organizations_of
from tests.unit.crypto.conftest import VECTORS

PUBLIC = VECTORS["public_key"]
UUID = "7f6f9d0e-3a53-4c1c-a3a5-b31f7a0c6d11"
INPUT = json.dumps({"method": "partial", "args": [], "kwargs": {"größe": "x" * 500}}).encode()


RSA = RsaCryptor(load_private_key(VECTORS["private_key"].encode()))
NOTHING: frozenset[str] = frozenset()


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
    assert new.needs_keys_of(NOTHING) == [5, 6]
    sent = json.loads(b"".join(new.encrypted(rsa, {5: PUBLIC, 6: PUBLIC}, NOTHING)))
    plain = [rsa.decrypt(item.pop("input")) for item in sent["organizations"]]
    assert plain == [INPUT, b"{}"]
    came = json.loads(body)
    for item in came["organizations"]:
        del item["input"]
    assert sent == came


def test_a_task_for_a_thousand_organizations_is_no_junk(rsa):
    """The inputs are slightly too short to be left in place, and the query is long."""
    text = base64.b64encode(b"x" * 189).decode()
    body = task(
        *({"id": 2**31 - 1 - number, "input": text} for number in range(1000)),
        databases=[{"label": "default", "query": "q" * 100_000}],
    )
    assert len(NewTask(body).needs_keys_of(NOTHING)) == 1000


def test_an_organization_that_is_named_twice_is_encrypted_for_twice(rsa):
    new = NewTask(task({"id": 5, "input": "e30="}, {"id": 5, "input": "e30="}))
    assert new.needs_keys_of(NOTHING) == [5]
    sent = json.loads(b"".join(new.encrypted(rsa, {5: PUBLIC}, NOTHING)))
    assert [rsa.decrypt(item["input"]) for item in sent["organizations"]] == [b"{}", b"{}"]


def test_the_name_of_what_this_token_stored_goes_on_as_it_is(rsa):
    body = task({"id": 5, "input": UUID}, {"id": 6})
    assert organizations_of(body, {UUID}) == []
    assert json.loads(b"".join(NewTask(body).encrypted(rsa, {}, {UUID}))) == json.loads(body)


@pytest.mark.parametrize("stored", [NOTHING, frozenset({UUID.replace("7", "8")})])
@pytest.mark.parametrize("name", [UUID, UUID.upper()])
def test_any_other_name_is_refused_whoever_stored_it(stored, name):
    with pytest.raises(
        RequestRefusedError, match=r"input for organization 6 .* POST /blobstream"
    ) as told:
        organizations_of(task({"id": 5}, {"id": 6, "input": name}), stored)
    assert told.value.status == 400
    assert name not in told.value.reason + told.value.kind


@given(st.uuids(), st.sampled_from([str, lambda name: name.hex, lambda name: name.urn]))
def test_whatever_was_not_stored_is_encrypted_or_refused_however_it_looks(name, form):
    text = form(name)
    body = task({"id": 5, "input": text})
    try:
        wanted = organizations_of(body, NOTHING)
        sent = b"".join(NewTask(body).encrypted(RSA, dict.fromkeys(wanted, PUBLIC), NOTHING))
    except RequestRefusedError:
        return
    assert text.encode() not in sent


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
    with pytest.raises(RequestRefusedError, match=told) as refused:
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
    with pytest.raises(RequestRefusedError, match=told) as refused:
        b"".join(new.encrypted(rsa, {5: key}, NOTHING))
    assert refused.value.status == 400
    assert text not in refused.value.reason
