"""An algorithm of a vantage6 node can connect to its own proxy, and to nothing else."""

from __future__ import annotations

import ast
import json

import pytest

from devstation import Cluster, Federation, wait_for
from tests.cluster.vantage6.conftest import DATA_STATION, NAMESPACE, PORT, Asking

POD = "without-walls"


def address_of_service(cluster: Cluster, name: str, namespace: str) -> str:
    (found,) = [
        s for s in cluster.get("services", namespace=namespace) if s["metadata"]["name"] == name
    ]
    return f"{found['spec']['clusterIP']}:{found['spec']['ports'][0]['port']}"


@pytest.fixture(scope="module")
def cluster_wide(cluster: Cluster) -> dict[str, str]:
    """Return addresses that a pod without NetworkPolicies reaches, by name."""
    machine = cluster.kubectl(
        "get", "nodes", "-o", "jsonpath={.items[0].status.addresses[0].address}"
    )
    return {
        "the vantage6 server": f"{cluster.server_ip}:{PORT}",
        "the outside": cluster.outside,
        "the Kubernetes API, as a Service": address_of_service(cluster, "kubernetes", "default"),
        "the Kubernetes API on its machine": f"{machine}:6443",
        "the kubelet": f"{machine}:10250",
        "the name server": address_of_service(cluster, "kube-dns", "kube-system"),
    }


@pytest.fixture(scope="module")
def of_nodes(federation: Federation, cluster: Cluster) -> dict[str, str]:
    """Return the addresses on which nodes, and other nodes' proxies, listen."""
    own = f"{DATA_STATION.name}-"
    found = {}
    for component in ("node", "proxy"):
        select = ("-l", f"app.kubernetes.io/component={component}")
        for pod in cluster.get("pods", *select, namespace=NAMESPACE):
            name, address = pod["metadata"]["labels"]["vantage6.ai/node"], pod["status"]["podIP"]
            (container,) = pod["spec"]["containers"]
            for port in (each["containerPort"] for each in container["ports"]):
                if component == "node" or not name.startswith(own):
                    found[f"{component} of {name}, port {port}"] = f"{address}:{port}"
    return found


def has_ended(cluster: Cluster) -> bool:
    phase = "jsonpath={.status.phase}"
    told = cluster.kubectl("-n", "default", "get", "pod", POD, "-o", phase)
    return told in {"Succeeded", "Failed"}


def reached_without_walls(
    cluster: Cluster, federation: Federation, addresses: list[str]
) -> set[str]:
    """Return the addresses that the same code reaches from a pod without NetworkPolicies."""
    code = f"from v6_test_algorithm import reach_all; print(reach_all({addresses}))"
    image = f"--image={federation.cluster.image('v6_test_algorithm')}"
    python = ("--restart=Never", "--command", "--", "/opt/venv/bin/python", "-c", code)
    cluster.kubectl("-n", "default", "run", POD, image, *python)
    try:
        wait_for(lambda: has_ended(cluster), f"pod {POD} ends")
        # Do not use --attach: a late attach prints nothing.
        told = cluster.kubectl("-n", "default", "logs", POD)
    finally:
        cluster.kubectl("-n", "default", "delete", "pod", POD, "--now")
    found: dict[str, str] = ast.literal_eval(told.strip().splitlines()[-1])
    return {address for address, how in found.items() if how == "connected"}


def test_an_algorithm_reaches_its_own_proxy_and_nothing_else(
    asking: Asking, cluster: Cluster, cluster_wide: dict[str, str], of_nodes: dict[str, str]
):
    everywhere = list(cluster_wide.values())
    assert reached_without_walls(cluster, asking.federation, everywhere) == set(everywhere)
    assert len(of_nodes) >= 4 + 2 * 3

    own = asking.ask("own_proxy")
    forbidden = cluster_wide | of_nodes
    told = asking.ask("reach_all", addresses=[*forbidden.values(), own])
    assert told[own] == "connected"
    assert {what for what, where in forbidden.items() if told[where] == "connected"} == set()


def test_each_node_finds_its_walls_right(federation: Federation, cluster: Cluster):
    """Four nodes and their policies share a namespace; the walls of one node open no other's."""
    nodes = cluster.get("pods", "-l", "app.kubernetes.io/component=node", namespace=NAMESPACE)
    assert len(nodes) == 4
    for node in nodes:
        log = cluster.kubectl("-n", NAMESPACE, "logs", node["metadata"]["name"])
        lines = [json.loads(line) for line in log.splitlines() if "walls around" in line]
        assert lines[-1]["event"] == "the walls around algorithms are right"
        # Other tests take the API server away, and then no policy can be read for a while.
        assert [line["policy"] for line in lines if line.get("policy")] == []


def test_an_algorithm_gets_no_answer_of_the_name_server(
    asking: Asking, cluster_wide: dict[str, str]
):
    address = cluster_wide["the name server"].partition(":")[0]
    assert not asking.ask("ask_name_server", address=address).startswith("answered")


def test_algorithms_do_not_reach_each_other(asking: Asking, cluster: Cluster):
    task = asking.post("listen", port=8080, seconds=120)
    (run,) = asking.client.runs(task)
    select = ("-l", f"vantage6.ai/run-id={run['id']}")
    try:
        wait_for(
            lambda: "listens" in (asking.client.runs(task)[0]["log"] or ""), "an algorithm listens"
        )
        (pod,) = cluster.get("pods", *select, namespace=NAMESPACE)
        address = f"{pod['status']['podIP']}:8080"
        assert asking.ask("reach_all", addresses=[address])[address] != "connected"
    finally:
        asking.client.kill(task)
