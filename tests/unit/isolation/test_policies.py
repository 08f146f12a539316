import json
from pathlib import Path

import pytest
from kubernetes.client import V1NetworkPolicy

from node_poc.config.load import load_config, parse_config
from node_poc.isolation.node_policies import build_node_policies
from node_poc.isolation.policies import build_policies
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.runs.model import Egress

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests/golden/policies.json"
CONFIG = load_config(ROOT / "node_poc/node_config.yaml", {})
POLICIES = {made["metadata"]["name"]: made for made in build_policies(CONFIG)}
OWN = Identity("v6-node")
VANTAGE6 = parse_config(
    "api_key: a\nserver_url: https://server.example\ntask_dir: /tasks\n"
    "kubernetes: {node_name: hospital-a, namespace: v6-jobs}\n",
    {},
)


def test_the_policies_are_as_they_were(request):
    made = build_policies(CONFIG)
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(json.dumps(made, indent=2) + "\n")
    assert made == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("name", POLICIES)
def test_kubernetes_knows_every_field(name):
    V1NetworkPolicy.model_validate(POLICIES[name])


def test_nobody_reaches_an_algorithm_and_it_reaches_one_port():
    closed = POLICIES["v6-algorithms"]["spec"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    # The keys are absent, which means no traffic. An empty list means the same, but is not stored.
    assert not {"ingress", "egress"} & set(closed)
    way = POLICIES["v6-algorithms-to-proxy"]["spec"]
    assert way["policyTypes"] == ["Egress"]
    (only,) = way["egress"]
    assert only["ports"] == [{"protocol": "TCP", "port": 8080}]
    (to,) = only["to"]
    assert set(to) == {"podSelector"}  # a namespaceSelector would match more than one proxy


def selects(selector, labels):
    return selector["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("egress", list(Egress))
@pytest.mark.parametrize("node", ["v6-node", "a name that was changed in one place only"])
def test_every_algorithm_pod_is_closed_and_this_nodes_own_have_a_way(egress, node):
    labels = Identity(node).labels(7, egress)
    assert selects(POLICIES["v6-algorithms"]["spec"]["podSelector"], labels)
    way = POLICIES["v6-algorithms-to-proxy"]["spec"]["podSelector"]
    assert selects(way, labels) is (node == "v6-node")


def test_the_proxy_takes_calls_of_algorithms_that_may_reach_it():
    (rule,) = POLICIES["v6-proxy"]["spec"]["ingress"]
    (caller,) = rule["from"]
    assert selects(caller["podSelector"], OWN.labels(7, Egress.PROXY))
    assert not selects(caller["podSelector"], OWN.labels(7, "nothing"))
    assert not selects(caller["podSelector"], Identity("another").labels(7, Egress.PROXY))


def test_beside_a_vantage6_node_in_one_namespace_each_reaches_its_own_proxy_only():
    """NetworkPolicies add up: a policy cannot forbid traffic that another node's policy allows."""
    ours, theirs = Identity("v6-node"), Identity(VANTAGE6.kubernetes.node_name)
    policies = [*POLICIES.values(), *build_node_policies(VANTAGE6, {})]
    for caller in (ours, theirs):
        labels = caller.labels(7, Egress.PROXY)
        for proxy in (ours, theirs):
            to = proxy.labels_of(identity.COMPONENT_PROXY)
            assert way_out(policies, labels, to) is (caller == proxy)
            assert way_in(policies, labels, to) is (caller == proxy)


def way_out(policies, labels, to):
    return any(
        selects(target["podSelector"], to)
        for spec in (made["spec"] for made in policies)
        if selects(spec["podSelector"], labels)
        for rule in spec.get("egress", [])
        for target in rule["to"]
        if "podSelector" in target
    )


def way_in(policies, labels, to):
    return any(
        selects(source["podSelector"], labels)
        for spec in (made["spec"] for made in policies)
        if selects(spec["podSelector"], to)
        for rule in spec.get("ingress", [])
        for source in rule["from"]
    )


def test_nobody_calls_the_node():
    spec = POLICIES["v6-node"]["spec"]
    assert "Ingress" in spec["policyTypes"]
    assert "ingress" not in spec
