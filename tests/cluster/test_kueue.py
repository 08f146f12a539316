"""Runs in a queue of Kueue: each Job is suspended when it is created, and resumed later.

A webhook of the test suspends Jobs as Kueue's webhook does: those with a queue's label, before the
API server asks its policies. The test then resumes Jobs as Kueue does.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from devserver.ports import free_port
from devstation import Cluster, DummyStation, wait_for
from tests.cluster.side_station import Listener
from tests.cluster.station import NAMESPACE, no_self_test, own_station
from tests.fakes.way_to_server import make_authority

pytestmark = pytest.mark.dev_cluster  # the API server must reach this machine
QUEUE, LABEL = "research", "kueue.x-k8s.io/queue-name"
SUSPEND = [{"op": "add", "path": "/spec/suspend", "value": True}]


def in_queue(config: dict[str, Any]) -> None:
    no_self_test(config)
    config["kubernetes"]["queue"] = QUEUE


class Webhook(BaseHTTPRequestHandler):
    """Answers an AdmissionReview about a Job."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        answer: dict[str, Any] = {"uid": asked["uid"], "allowed": True}
        if LABEL in asked["object"]["metadata"].get("labels", {}):
            patch = base64.b64encode(json.dumps(SUSPEND).encode()).decode()
            answer |= {"patchType": "JSONPatch", "patch": patch}
        kind = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        body = json.dumps(kind | {"response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def suspending(cluster: Cluster, namespace: str, folder: Path) -> Iterator[None]:
    """Suspend each new Job of a namespace that bears the label of a queue."""
    address = cluster.server_ip
    authority = make_authority(folder, address)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.server)
    server = ThreadingHTTPServer((address, free_port(address)), Webhook)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    bundle = base64.b64encode(authority.certificate.read_bytes()).decode()
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    jobs = {"apiGroups": ["batch"], "apiVersions": ["v1"], "resources": ["jobs"]}
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": f"{namespace}-suspends"},
        "webhooks": [
            {
                "name": "suspends.example.org",
                "clientConfig": {
                    "url": f"https://{address}:{server.server_port}/",
                    "caBundle": bundle,
                },
                "rules": [{**jobs, "operations": ["CREATE"]}],
                "namespaceSelector": selector,
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }
    cluster.apply(configuration)
    try:
        yield
    finally:
        cluster.delete(configuration)
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def station(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DummyStation]:
    folder = tmp_path_factory.mktemp("queue")
    with (
        suspending(cluster, f"{NAMESPACE}-queue", folder),
        own_station(cluster, "queue", 5070, folder, in_queue) as made,
    ):
        yield made


def test_runs_wait_in_the_queue_until_they_are_resumed_or_killed(station: DummyStation):
    with Listener(station) as listener:
        first, second = listener.post("queued"), listener.post("queued")
        for run_id in (first, second):
            told = listener.status(run_id, "InQueue")
            assert told["status"] == "initializing"
            assert "queue" in told["detail"]
        job = station.job_of(first)
        assert job is not None
        assert (job["spec"]["suspend"], job["metadata"]["labels"][LABEL]) == (True, QUEUE)
        assert not station.pods_of(first)
        assert listener.kill(second) == ["killed"]
        assert listener.result(second)["status"] == "killed by user"
        wait_for(lambda: station.job_of(second) is None, "the Job of the killed run is gone")
        station.kubectl("patch", "job", job["metadata"]["name"], "-p", '{"spec":{"suspend":false}}')
        result = listener.result(first)
    assert (result["status"], result["cause"]) == ("completed", None)
    (pod,) = station.pods_of(first)
    assert LABEL not in pod["metadata"]["labels"]
