"""``python -m node_poc proxy`` as a process: its configuration, its end, its memory."""

import base64
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import yaml

from devserver.ports import free_port
from node_poc.crypto.keys import load_private_key
from node_poc.crypto.payload import RsaCryptor
from tests.fakes.processes import ROOT
from tests.fakes.proxy import API, ProxyUnderTest, know_tasks
from tests.fakes.station import START_SECONDS, eventually
from tests.fakes.upstream import Answer, Upstream
from tests.unit.crypto.conftest import VECTORS

PUBLIC = VECTORS["public_key"]
UUID = "7f6f9d0e-3a53-4c1c-a3a5-b31f7a0c6d11"
API_KEY = "5a5d1f2e-0c39-4f4e-9c1e-1f0c9a7b6d55"
MEGABYTES_50 = 50_000_000


@pytest.fixture
def upstream():
    made = Upstream()
    know_tasks(made)
    yield made
    made.close()


def write_config(folder, upstream, *, encrypted, key=VECTORS["private_key"]):
    port = free_port()
    if key is not None:
        (folder / "org.pem").write_text(key)
    config = {
        "api_key": API_KEY,
        "server_url": "http://127.0.0.1",
        "port": upstream.port,
        "api_path": API,
        "task_dir": str(folder / "tasks"),
        "encryption": {"enabled": encrypted, "private_key": "org.pem"},
        "kubernetes": {"proxy": {"port": port}},
    }
    (folder / "node.yaml").write_text(yaml.safe_dump(config))
    return port


def command(folder, health_port):
    config = ["--config", str(folder / "node.yaml")]
    return [sys.executable, "-m", "node_poc", "proxy", *config, "--health-port", str(health_port)]


@contextmanager
def process(folder, upstream, *, encrypted):
    port, health_port = write_config(folder, upstream, encrypted=encrypted), free_port()
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(command(folder, health_port), cwd=ROOT, stdout=log, stderr=log)
    made = ProxyUnderTest(upstream, Ports(port, health_port), encrypts=encrypted)
    made.process, made.log = child, folder / "log"
    try:
        eventually(lambda: is_ready(made), "the proxy is ready", START_SECONDS)
        yield made
    finally:
        child.kill()
        child.wait()


class Ports:
    def __init__(self, port, health_port):
        self.port, self.health_port = port, health_port


def is_ready(made):
    try:
        return requests.get(f"http://127.0.0.1:{made.health_port}/readyz", timeout=5).ok
    except (requests.ConnectionError, requests.Timeout):
        assert made.process.poll() is None, made.log.read_text()
        return False


def peak_bytes(made):
    status = Path(f"/proc/{made.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def test_it_may_have_files_for_all_connections(tmp_path, upstream):
    """Many systems allow a process 1024 files, too few for 500 connections with their bodies."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        with process(tmp_path, upstream, encrypted=False) as running:
            limits = Path(f"/proc/{running.process.pid}/limits").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    soft = int(re.search(r"Max open files\s+(\d+)", limits)[1])
    assert soft == min(before[1], 8192)


def test_it_ends_with_sigterm_and_says_nothing_secret(tmp_path, upstream):
    with process(tmp_path, upstream, encrypted=True) as running:
        upstream.answers["GET", f"{API}/run/1"] = Answer(wait_seconds=0.5)
        assert running.get("/run/1").status_code == 200
        with running.connect() as idle:
            idle.sendall(b"GET /run/1 HTTP/1.1\r\n")
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(15) == 0
        told = running.log.read_text()
    assert "proxy serves" in told
    assert API_KEY not in told
    assert "PRIVATE KEY" not in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("", "is empty"),
        (base64.b64decode(PUBLIC).decode(), "this is a public key"),
    ],
    ids=["missing", "empty", "public"],
)
def test_without_its_key_it_does_not_start(tmp_path, upstream, key, told):
    write_config(tmp_path, upstream, encrypted=True, key=key)
    done = subprocess.run(
        command(tmp_path, 0), cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert "org.pem" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_encryption_no_key_is_needed(tmp_path, upstream):
    with process(tmp_path, upstream, encrypted=False) as running:
        assert running.get("/run/1").status_code == 404


def test_a_port_that_is_taken_is_told(tmp_path, upstream):
    port = write_config(tmp_path, upstream, encrypted=False)
    with socket.create_server(("0.0.0.0", port)):
        done = subprocess.run(
            command(tmp_path, 0), cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
        )
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_payloads_of_50_megabytes_take_less_than_four_times_their_size(
    tmp_path, upstream, encrypted
):
    """An input, a result and a blob, one after the other, through the same process."""
    rsa = RsaCryptor(load_private_key(VECTORS["private_key"].encode()))
    data = os.urandom(MEGABYTES_50)
    text = base64.b64encode(data).decode()
    upstream.answers["GET", f"{API}/organization/1"] = Answer.json({"public_key": PUBLIC})
    upstream.answers["POST", f"{API}/task"] = Answer.json({"id": 1}, 201)
    stored = rsa.encrypt(data, PUBLIC) if encrypted else text
    upstream.answers["GET", f"{API}/result/1"] = Answer.json(
        {"id": 1, "result": stored, "task": {"id": 3}}
    )
    blob_run = {"id": 2, "result": UUID, "blob_storage_used": True, "task": {"id": 3}}
    upstream.answers["GET", f"{API}/result/2"] = Answer.json(blob_run)
    upstream.answers["POST", f"{API}/blobstream"] = Answer.json({"uuid": UUID}, 201)
    with process(tmp_path, upstream, encrypted=encrypted) as running:
        before = peak_bytes(running)
        task = {"organizations": [{"id": 1, "input": text}]}
        assert running.post("/task", json=task).status_code == 201
        (sent,) = json.loads(upstream.seen[-1].body)["organizations"]
        assert (rsa.decrypt(sent["input"]) == data) if encrypted else (sent["input"] == text)
        after_input = peak_bytes(running)

        assert running.get("/result/1").json()["result"] == text
        after_result = peak_bytes(running)

        headers = {"X-Public-Key": PUBLIC}
        assert running.post("/blobstream", data=data, headers=headers).status_code == 201
        blob = Answer(200, upstream.seen[-1].body, {"Content-Type": "application/octet-stream"})
        upstream.answers["GET", f"{API}/blobstream/{UUID}"] = blob
        assert running.get("/result/2").json() == blob_run
        assert running.get(f"/blobstream/{UUID}").content == data
        after_blob = peak_bytes(running)
    grown = [size - before for size in (after_input, after_result, after_blob)]
    print("MB at the start and more after input, result, blob:", before // 10**6, grown)
    assert max(grown) < 4 * MEGABYTES_50
