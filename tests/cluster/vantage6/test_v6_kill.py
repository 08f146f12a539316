"""A vantage6 user kills a run: checked at the container, as the server closes the run by itself."""

from __future__ import annotations

from devstation import wait_for
from tests.cluster.vantage6.conftest import NAMESPACE


def test_a_killed_run_has_no_pod(asking, cluster):
    task = asking.post("sleep", seconds=300)
    (run,) = asking.client.runs(task)

    def pods():
        selector = f"vantage6.ai/run-id={run['id']}"
        return cluster.get("pods", "-l", selector, namespace=NAMESPACE)

    wait_for(lambda: asking.client.runs(task)[0]["status"] == "active", "the run is active")
    assert len(pods()) == 1
    assert asking.client.kill(task)["status"] == 200
    wait_for(lambda: not pods(), "the pod is gone")
    assert asking.client.runs(task)[0]["status"] == "killed by user"


def test_all_of_a_node_is_killed(asking, federation, cluster):
    tasks = [asking.post("sleep", seconds=300) for _ in range(3)]
    runs = [asking.client.runs(task)[0]["id"] for task in tasks]
    wait_for(
        lambda: all(asking.client.runs(task)[0]["status"] == "active" for task in tasks),
        "all are active",
    )
    node = federation.world.node("plain", "alpha")["id"]
    assert asking.client.kill_node(node)["status"] == 200
    for task in tasks:
        assert asking.client.wait(task, timeout=120)["status"] == "killed by user"
    selector = f"vantage6.ai/run-id in ({','.join(map(str, runs))})"
    wait_for(
        lambda: not cluster.get("pods", "-l", selector, namespace=NAMESPACE),
        "all pods are gone",
    )
