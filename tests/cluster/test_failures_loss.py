"""Runs that are lost while they run: deleted by a person, preempted, or on a lost machine.

The machine is a second node of the dev cluster. The tests kill that node without a warning and make
it anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from devcluster import processes
from devcluster.layout import Layout
from devstation import Cluster, wait_for
from tests.cluster.machines import SECOND, cordoned, two_machines
from tests.cluster.odd_images import OddImages, command
from tests.cluster.side_station import Listener, SideStation, listening, told

pytestmark = pytest.mark.alone  # machines are cordoned and killed
STAY = ("/app/input/csv/default", "Age", "/app/output/avg.txt", "300")
AGAIN = "Post the task again."
REMOVED = "it was removed at the data station before it had ended"
# Kubernetes calls a node unreachable 50 s after its last heartbeat (40 s before 1.32).
GRACE_SECONDS = 50.0
LOST_SECONDS = 3
FILL_DISK = """
import time
with open("/tmp/much", "wb") as file:
    file.write(bytes(64 << 20))
time.sleep(300)
"""


@pytest.fixture(scope="module")
def layout() -> Iterator[Layout]:
    """Return the dev cluster with a second node; the node stays if it was there before."""
    with two_machines() as layout:
        yield layout


@pytest.fixture(scope="module")
def listener(
    cluster: Cluster, layout: Layout, recorder: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listener]:
    limits = {"node_lost_seconds": LOST_SECONDS}
    resources = {"cpu_request": "200m", "ephemeral_storage": "20Mi"}
    resources |= {"ephemeral_storage_request": "1Mi"}
    images = OddImages(cluster.settings["REGISTRY"])
    images.derive("v6_test_disk", command("python3", "-u", "-c", FILL_DISK))
    folder = tmp_path_factory.mktemp("loss")
    station = SideStation(cluster, "loss", folder, limits=limits, resources=resources)
    with listening(station) as listener:
        yield listener


@pytest.fixture(scope="module")
def lost(cluster: Cluster, layout: Layout, listener: Listener) -> tuple[int, float]:
    """Return a run whose machine has just been killed, and the time of the kill."""
    with cordoned(cluster, layout.node_name(1)):
        run_id = listener.post("node-lost", *STAY)
        stays(listener, run_id)
    (pod,) = listener.station.pods_of(run_id)
    assert pod["spec"]["nodeName"] == layout.node_name(SECOND)
    # No other run may be scheduled there, as it would be lost as well.
    cluster.kubectl("cordon", layout.node_name(SECOND))
    processes.end(layout.name, layout.node_name(SECOND))
    return run_id, time.time()


@pytest.fixture(scope="module")
def out_of_disk(lost: Any, listener: Listener) -> int:
    """Return a run that writes too much; the kubelet notices within two minutes."""
    return listener.post("out-of-disk", image="localhost:5001/v6_test_disk")


def going(listener: Listener, name: str) -> tuple[int, dict[str, Any]]:
    """Return an active run and its pod."""
    run_id = listener.post(name, *STAY)
    stays(listener, run_id)
    (pod,) = listener.station.pods_of(run_id)
    return run_id, pod


def stays(listener: Listener, run_id: int) -> None:
    """Wait until a run is active and has done its work, according to its log on the node's disk."""
    listener.active(run_id)
    log = listener.station.tasks / str(run_id) / "log"
    wait_for(lambda: log.exists() and b"staying" in log.read_bytes(), "it has logged that it stays")


def test_a_pod_that_a_person_deletes(out_of_disk: int, listener: Listener):
    run_id, pod = going(listener, "pod-deleted")
    listener.station.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=false")
    result = listener.result(run_id)
    assert told(result) == ("failed", "PodDeleted", REMOVED, AGAIN)
    assert "average of Age" in result["log"]


def test_a_job_that_a_person_deletes(out_of_disk: int, listener: Listener):
    run_id, _ = going(listener, "job-deleted")
    job = listener.station.job_of(run_id)
    assert job is not None
    listener.station.kubectl("delete", "job", job["metadata"]["name"], "--wait=false")
    result = listener.result(run_id)
    assert told(result) == ("failed", "JobDeleted", REMOVED, AGAIN)
    assert "average of Age" in result["log"]


def test_a_pod_that_is_evicted_by_the_api(out_of_disk: int, listener: Listener):
    """Evict the pod as `kubectl drain` does."""
    run_id, pod = going(listener, "evicted")
    name, namespace = pod["metadata"]["name"], listener.station.location.namespace
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
    listener.station.cluster.kubectl(
        "create", "--raw", path, "-f", "-", text_in=json.dumps(eviction)
    )
    detail = "the data station cleared the machine it ran on"
    assert told(listener.result(run_id)) == ("failed", "Evicted", detail, AGAIN)


def test_a_pod_that_makes_room_for_a_more_urgent_one(
    out_of_disk: int, listener: Listener, cluster: Cluster
):
    # No other run may end and make room, or nothing would have to be preempted.
    listener.result(out_of_disk)
    run_id, pod = going(listener, "preempted")
    node = pod["spec"]["nodeName"]
    wait_for(lambda: not leaving(cluster, node), "no other pod is leaving")
    urgent = [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": "v6-test-urgent"},
            "value": 1000,
        },
        greedy_pod(cluster, node, listener.station.location.namespace),
    ]
    cluster.apply(*urgent)
    try:
        result = listener.result(run_id)
    finally:
        cluster.delete(*urgent)
    detail = "the data station needed its place for something more urgent"
    assert told(result) == ("failed", "Preempted", detail, AGAIN)


def pods_on(cluster: Cluster, node: str) -> list[dict[str, Any]]:
    """Return the pods of a cluster node that have not ended."""
    found = json.loads(cluster.kubectl("get", "pods", "-A", "-o", "json"))["items"]
    return [
        pod
        for pod in found
        if pod["spec"].get("nodeName") == node
        and pod["status"]["phase"] not in {"Succeeded", "Failed"}
    ]


def leaving(cluster: Cluster, node: str) -> list[str]:
    """Return the names of the node's pods that are being deleted."""
    pods = pods_on(cluster, node)
    return [p["metadata"]["name"] for p in pods if "deletionTimestamp" in p["metadata"]]


def greedy_pod(cluster: Cluster, node: str, namespace: str) -> dict[str, Any]:
    """Return a pod that fits on the cluster node only if a run is preempted."""
    (found,) = (n for n in cluster.get("nodes") if n["metadata"]["name"] == node)
    used = 0
    for pod in pods_on(cluster, node):
        asked = (c["resources"].get("requests", {}) for c in pod["spec"]["containers"])
        used += sum(millicores(requests.get("cpu", "0")) for requests in asked)
    free = millicores(found["status"]["allocatable"]["cpu"]) - used
    container = {
        "name": "urgent",
        "image": f"{cluster.images}/pause:latest",
        "resources": {"requests": {"cpu": f"{free + 100}m"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "urgent", "namespace": namespace},
        "spec": {
            "priorityClassName": "v6-test-urgent",
            "nodeSelector": {"kubernetes.io/hostname": node},
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
        },
    }


def millicores(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else int(float(text) * 1000)


def test_a_pod_that_is_evicted_because_it_wrote_too_much(out_of_disk: int, listener: Listener):
    result = listener.result(out_of_disk)
    assert told(result) == (
        "crashed",
        "DiskLimitExceeded",
        "the algorithm wrote more to disk than it may",
        "Let it write less, or ask the site for a larger limit of its disk space.",
    )


def test_a_machine_that_is_lost(lost: tuple[int, float], out_of_disk: int, listener: Listener):
    run_id, since = lost
    result = listener.result(run_id)
    took = datetime.fromisoformat(result["timeline"]["ended"]).timestamp() - since
    expected = ("failed", "NodeLost", "the machine it ran on is lost", AGAIN)
    assert told(result) == expected
    assert result["log_truncated"] is True
    assert "average of Age" in result["log"]
    assert took < GRACE_SECONDS + LOST_SECONDS + 60
    wait_for(lambda: listener.station.job_of(run_id) is None, "its Job is removed")
