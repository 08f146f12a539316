"""Algorithms reach whitelisted names by squid, and nothing else; without a list there is no way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from devstation import Cluster, wait_for
from devstation.readiness import wait_ready
from node_poc.config.load import parse_config
from node_poc.config.model import NodeConfig
from node_poc.isolation.wanted import wanted_policies
from node_poc.manifests.identity import Identity
from node_poc.manifests.own_pods import Station
from node_poc.manifests.whitelist_proxy import build_whitelist_proxy

NAMESPACE = "v6-test-whitelist"
NAMES = Identity("whitelisting")
_CONFIG = """
api_key: a
server_url: https://server.example
task_dir: /tasks
node_extra_hosts: {{outside.example: {outside}, other.example: {outside}, api.example: {api}}}
kubernetes:
  namespace: {namespace}
  node_name: whitelisting
  whitelist_image: {images}/v6_whitelist_proxy:latest
"""
_LIST = "whitelist: {domains: [outside.example, api.example]}\n"
# The status of each answer by the proxy, or the connection's end.
_ASK = """
import json, socket, sys
host, _, port = sys.argv[1].rpartition(":")
told = {}
for line in sys.argv[2:]:
    try:
        with socket.create_connection((host, int(port)), timeout=4) as way:
            way.settimeout(15)
            if line == "connect":
                told[line] = "open"
                continue
            target = line.split()[1].removeprefix("http://").partition("/")[0]
            way.sendall(f"{line} HTTP/1.1\\r\\nHost: {target}\\r\\n\\r\\n".encode())
            told[line] = way.recv(4096).split()[1].decode()
    except OSError:
        told[line] = "closed"
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def config(cluster: Cluster) -> NodeConfig:
    """Return a configuration whose names lead to the outside and to the API server."""
    where = "jsonpath={.spec.clusterIP}"
    api = cluster.kubectl("-n", "default", "get", "service", "kubernetes", "-o", where)
    outside = cluster.outside.partition(":")[0]
    head = _CONFIG.format(outside=outside, api=api, namespace=NAMESPACE, images=cluster.images)
    return parse_config(head + _LIST, {})


@pytest.fixture(scope="module")
def squid(cluster: Cluster, config: NodeConfig) -> Iterator[str]:
    """Return the address of squid's Service; two pods are there, of which one has no walls."""
    cluster.delete_namespace(NAMESPACE)
    station = Station(config, "", {}, None, None, "", [], {})
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    pods = [asking("algorithm", NAMES.labels(7, "proxy"), cluster), asking("free", {}, cluster)]
    cluster.apply(namespace, *wanted_policies(config, {}))
    cluster.apply(*build_whitelist_proxy(station), *pods)
    wait_ready(cluster, NAMESPACE, NAMES.whitelist_service)
    wait = ("wait", "--for=condition=Ready", "pod/algorithm", "pod/free", "--timeout=120s")
    cluster.kubectl("-n", NAMESPACE, *wait)
    (service,) = cluster.get("services", namespace=NAMESPACE)
    yield f"{service['spec']['clusterIP']}:{service['spec']['ports'][0]['port']}"
    cluster.delete_namespace(NAMESPACE)


def asking(name: str, labels: dict[str, str], cluster: Cluster) -> dict[str, Any]:
    """Return a pod in which a test runs commands."""
    container = {
        "name": "asking",
        "image": f"{cluster.images}/v6_dummy_proxy",
        "command": ["sleep", "infinity"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }


def ask(cluster: Cluster, pod: str, address: str, *lines: str) -> dict[str, str]:
    """Let a pod send the first lines of requests to an address; return the answers' statuses."""
    told = cluster.kubectl(
        *("-n", NAMESPACE, "exec", pod, "--", "python3", "-c", _ASK, address, *lines)
    )
    answers: dict[str, str] = json.loads(told)
    return answers


def test_a_name_of_the_list_is_reached_and_nothing_else(cluster: Cluster, squid: str):
    assert ask(cluster, "algorithm", squid, "GET http://outside.example/x?secret=1") == {
        "GET http://outside.example/x?secret=1": "200"
    }
    refused = (
        "GET http://other.example/",  # leads to the same address, and is not on the list
        "GET http://api.example:443/",  # on the list, and leads to the API server
        "CONNECT api.example:443",
        "CONNECT outside.example:80",  # a tunnel is for TLS
        "GET http://outside.example:8080/",
        f"GET http://{cluster.outside}/",
        f"CONNECT {cluster.outside.partition(':')[0]}:443",
        "GET http://169.254.169.254/",
    )
    assert ask(cluster, "algorithm", squid, *refused) == dict.fromkeys(refused, "403")


def test_squid_tells_who_asked_for_what_without_the_query(cluster: Cluster, squid: str):
    ask(cluster, "algorithm", squid, "GET http://outside.example/told?secret=1")

    def told() -> str:
        return cluster.kubectl("-n", NAMESPACE, "logs", f"deployment/{NAMES.whitelist_service}")

    wait_for(lambda: "http://outside.example/told" in told(), "squid tells of the request")
    assert "secret" not in told()


def test_only_an_algorithm_calls_squid_and_no_algorithm_calls_out(cluster: Cluster, squid: str):
    assert ask(cluster, "free", cluster.outside, "connect") == {"connect": "open"}  # the control
    assert ask(cluster, "algorithm", cluster.outside, "connect") == {"connect": "closed"}
    assert ask(cluster, "free", squid, "connect") == {"connect": "closed"}
    assert ask(cluster, "algorithm", squid, "connect") == {"connect": "open"}


@pytest.fixture
def without_list(cluster: Cluster, config: NodeConfig, squid: str) -> Iterator[None]:
    """Replace the policies by those of a node without the list, and put them back afterwards."""

    def becomes(state: str) -> None:
        wait_for(
            lambda: ask(cluster, "algorithm", squid, "connect") == {"connect": state},
            f"squid is {state} for the algorithm",
        )

    plain = config.model_copy(update={"whitelist": type(config.whitelist)()})
    becomes("open")
    cluster.apply(*wanted_policies(plain, {}))
    becomes("closed")
    yield
    cluster.apply(*wanted_policies(config, {}))
    becomes("open")


@pytest.mark.usefixtures("without_list")
def test_without_the_list_there_is_no_way(cluster: Cluster, squid: str):
    for address in (squid, cluster.outside):
        assert ask(cluster, "algorithm", address, "connect") == {"connect": "closed"}
