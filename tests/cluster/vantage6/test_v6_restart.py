"""The node goes away in the middle of runs: each run ends once, with its result."""

from __future__ import annotations

import pytest

from devstation import wait_for
from node_poc.manifests.identity import LABEL_COMPONENT, LABEL_NODE, Identity
from tests.cluster.vantage6.conftest import DATA_STATION, NAMESPACE

NODE = f"{LABEL_COMPONENT}=node,{LABEL_NODE}={Identity(DATA_STATION.name).node_label}"
RUNS = 5


@pytest.mark.parametrize("how", ["in order", "killed"])
def test_runs_go_on_without_the_node(asking, cluster, how):
    tasks = [asking.post("sleep", seconds=12) for _ in range(RUNS)]
    ids = [asking.client.runs(task)[0]["id"] for task in tasks]
    # On a slow machine the first may have ended when the last becomes active.
    begun = {"active", "completed"}
    wait_for(
        lambda: all(asking.client.runs(task)[0]["status"] in begun for task in tasks),
        "all have begun",
    )
    before = pods_of(cluster, ids)
    (node,) = cluster.get("pods", "-l", NODE, namespace=NAMESPACE)
    force = ["--grace-period=0", "--force"] if how == "killed" else []
    cluster.kubectl("-n", NAMESPACE, "delete", "pod", node["metadata"]["name"], *force)

    for task in tasks:
        end = asking.client.wait(task, timeout=120)
        assert end["status"] == "completed", end
        assert asking.client.results(task) == ['"slept"']
    assert pods_of(cluster, ids) == before


def pods_of(cluster, ids):
    """Return the names of all pods of these runs; a finished Job keeps its pod for an hour."""
    selector = f"vantage6.ai/run-id in ({','.join(map(str, ids))})"
    found = cluster.get("pods", "-l", selector, namespace=NAMESPACE)
    return sorted(pod["metadata"]["name"] for pod in found)
