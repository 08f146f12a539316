"""Pods from the node's own manifest builder, which try addresses from their first instruction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from devstation import DummyStation, wait_for
from node_poc.config.load import parse_config
from node_poc.manifests.job import build_job
from node_poc.runs.model import RunSpec
from tests.cluster.station import NAMESPACE

# The pod's very first Python statements are the connection attempts, in order.
_TRY = """
import json, socket, sys
told = {}
for address in sys.argv[1:]:
    host, _, port = address.rpartition(":")
    try:
        # Only the last address may be one that must answer: it has more time.
        patience = 10 if address == sys.argv[-1] else 3
        socket.create_connection((host, int(port)), timeout=patience).close()
        told[address] = "open"
    except OSError as error:
        told[address] = "closed: " + (error.strerror or str(error))
print(json.dumps(told), flush=True)
"""
_CONFIG = """
server_url: http://nowhere
task_dir: /var/lib/vantage6-node-test/tasks
kubernetes: {namespace: v6-test, node_name: v6-node}
"""


def algorithm_pod(
    station: DummyStation, number: int, addresses: list[str], namespace: str = NAMESPACE
) -> dict[str, Any]:
    """Return an algorithm pod exactly as the node makes it, which tries ``addresses``."""
    return script_pod(station, number, _TRY, addresses, namespace)


def script_pod(
    station: DummyStation,
    number: int,
    script: str,
    arguments: list[str],
    namespace: str = NAMESPACE,
) -> dict[str, Any]:
    """Return an algorithm pod exactly as the node makes it, with a Python script as command."""
    spec = RunSpec(run_id=number, image=f"{station.cluster.images}/v6_average_algorithm")
    job = build_job(spec, parse_config(_CONFIG, {}), None, 10001)
    template = job["spec"]["template"]
    container = template["spec"]["containers"][0]
    container["command"] = ["python3", "-c", script, *arguments]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"probe-{number}",
            "namespace": namespace,
            "labels": template["metadata"]["labels"],
        },
        "spec": template["spec"],
    }


def what_pods_reach(station: DummyStation, pods: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Run pods to their end, remove them, and return each pod's answer for each address."""
    station.cluster.apply(*pods)
    try:
        return [_told(station, pod["metadata"]) for pod in pods]
    finally:
        station.cluster.delete(*pods)


def _told(station: DummyStation, metadata: dict[str, Any]) -> dict[str, str]:
    where = ("-n", metadata["namespace"])

    def ended() -> bool:
        arguments = (*where, "get", "pod", metadata["name"], "-o", "jsonpath={.status.phase}")
        return station.cluster.kubectl(*arguments) in {"Succeeded", "Failed"}

    wait_for(ended, f"pod {metadata['name']} ends")
    told: dict[str, str] = json.loads(station.cluster.kubectl(*where, "logs", metadata["name"]))
    return told


def listener(
    station: DummyStation, name: str, labels: dict[str, str], namespace: str
) -> dict[str, Any]:
    """Return a pod that listens on port 8080."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [
                {"name": "listener", "image": f"{station.cluster.images}/v6_dummy_proxy"}
            ],
        },
    }


def pod_address(station: DummyStation, pod: dict[str, Any]) -> str:
    """Return the address of a running pod."""
    metadata = pod["metadata"]
    where = ("-n", metadata["namespace"])
    station.cluster.kubectl(
        *where, "wait", "--for=condition=Ready", f"pod/{metadata['name']}", "--timeout=120s"
    )
    return station.cluster.kubectl(
        *where, "get", "pod", metadata["name"], "-o", "jsonpath={.status.podIP}"
    )


@contextmanager
def open_neighbour(station: DummyStation, namespace: str) -> Iterator[str]:
    """Yield the address and port of a pod in a namespace of its own, which no policy selects."""
    around = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    pod = listener(station, "neighbour", {}, namespace)
    station.cluster.apply(around, pod)
    yield f"{pod_address(station, pod)}:8080"
    station.cluster.delete(around)
