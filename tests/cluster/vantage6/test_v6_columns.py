"""The node works without a csv file of its configuration, and sends the server no row of data."""

from __future__ import annotations

from devstation import wait_for
from tests.cluster.vantage6.conftest import DATA_STATION, NAMESPACE


def node_pod(cluster):
    """Return the pod of the station whose configuration names a missing csv file."""
    pods = cluster.get("pods", "-l", "app.kubernetes.io/component=node", namespace=NAMESPACE)
    inside = f"{DATA_STATION.name}-"
    (found,) = [pod for pod in pods if pod["metadata"]["name"].startswith(inside)]
    return found


def test_the_node_sees_no_table_and_starts_without_one(cluster, federation):
    pod = node_pod(cluster)
    (container,) = pod["spec"]["containers"]
    data = str(federation.folder(DATA_STATION) / "data")
    assert not [mount for mount in container["volumeMounts"] if data in mount["mountPath"]]
    assert all(status["ready"] for status in pod["status"]["containerStatuses"])
    assert not (federation.folder(DATA_STATION) / "data/absent.csv").exists()


def test_what_the_server_is_told_of_columns(cluster, federation, plain):
    node = federation.world.node(DATA_STATION.collaboration, DATA_STATION.organization)

    def told():
        answer = plain.request("GET", f"node/{node['id']}")
        # Each column has an entry of its own, and several entries have the same key.
        return [(each["key"], each["value"]) for each in answer["body"].get("config", [])]

    wait_for(lambda: "columns_default" in str(told()), "the server to be told of columns", 60)
    pairs = told()
    assert ("columns_default", "Age") in pairs
    assert ("columns_default", "Salary") in pairs
    assert "Jansen" not in str(pairs)
    assert not [key for key, _ in pairs if key in {"columns_rows", "columns_absent"}]
    name = node_pod(cluster)["metadata"]["name"]
    log = cluster.kubectl("-n", NAMESPACE, "logs", name)
    lines = [line for line in log.splitlines() if "no column names are told" in line]
    assert [line for line in lines if "rows" in line and "looks like data" in line]
    assert [line for line in lines if "absent" in line and "No such file" in line]
    assert "Jansen" not in log
