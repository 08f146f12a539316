"""A proxy with small limits, and the tasks that tests send through the proxy."""

import base64
import json
from dataclasses import replace

from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import RsaCryptor
from node_poc.proxy.settings import Limits
from tests.fakes.proxy import API
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


HEAD = f"Host: v6proxy\r\nAuthorization: Bearer {container_token()}\r\n".encode()


def task_body(size):
    text = base64.b64encode(b"x" * size).decode()
    return json.dumps({"name": "n", "organizations": [{"id": 1, "input": text}]}).encode()


def let_tasks_through(running):
    key = Answer.json({"public_key": PUBLIC})
    running.upstream.answers["GET", f"{API}/organization/1"] = key
    running.upstream.answers["POST", f"{API}/task"] = Answer.json({"id": 1}, 201)
