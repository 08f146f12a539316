"""The proxy carries only requests with a container's token."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.proxy.refusals import RequestRefusedError
from node_poc.proxy.tokens import read_token
from tests.fakes.tokens import NODE_TOKEN, USER_TOKEN, container_token, token_of


def test_a_containers_token_tells_whose_it_is():
    assert str(read_token([f"Bearer {container_token(task_id=7)}"])) == "task 7 of node 1"


def test_absurd_ids_are_not_shown():
    token = token_of({"client_type": "container", "task_id": "x" * 999, "node_id": -1})
    assert str(read_token([f"Bearer {token}"])) == "task None of node None"


def claims(text):
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ["Bearer"],
        ["Bearer "],
        [container_token()],
        [f"Basic {container_token()}"],
        [f"Bearer {container_token()} {container_token()}"],
        [f"Bearer {container_token()}", f"Bearer {container_token()}"],
        [f"Bearer {NODE_TOKEN}"],
        [f"Bearer {USER_TOKEN}"],
        [f"Bearer {token_of(None)}"],
        [f"Bearer {token_of('container')}"],
        [f"Bearer {token_of({})}"],
        [f"Bearer {token_of(['client_type', 'container'])}"],
        ["Bearer a.b.c"],
        ["Bearer a.é.c"],
        [f"Bearer a.{claims(b'[]')}.c"],
        [f"Bearer a.{claims(b'null')}.c"],
        [f"Bearer a.{claims(b'[' * 100_000)}.c"],
        [f"Bearer a.{claims(bytes(range(256)))}.c"],
        [f"Bearer {container_token().rpartition('.')[0]}"],
    ],
    ids=range(21),
)
def test_anything_else_is_refused(headers):
    with pytest.raises(RequestRefusedError) as refused:
        read_token(headers)
    assert refused.value.status == 401
    assert not [header for header in headers if len(header) > 10 and header in refused.value.reason]


@given(st.lists(st.text(max_size=50), max_size=1), st.binary(max_size=60))
def test_any_header_is_read_or_refused(headers, payload):
    headers.append(f"Bearer a.{claims(payload)}.c")
    try:
        read_token(headers)
    except RequestRefusedError:
        return
    assert json.loads(payload)["sub"]["client_type"] == "container"
