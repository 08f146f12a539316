import json
from pathlib import Path

import pytest
from kubernetes.client import V1NetworkPolicy

from node_poc.isolation.policies import build_policies
from node_poc.manifests.identity import Identity
from node_poc.runs.model import Egress

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "policies.json"
POLICIES = {made["metadata"]["name"]: made for made in build_policies("v6-jobs", 8080)}


def test_the_policies_are_as_they_were(request):
    made = build_policies("v6-jobs", 8080)
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(json.dumps(made, indent=2) + "\n")
    assert made == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("name", POLICIES)
def test_kubernetes_knows_every_field(name):
    V1NetworkPolicy.model_validate(POLICIES[name])


def test_nobody_reaches_an_algorithm_and_it_reaches_one_port():
    spec = POLICIES["v6-algorithms"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec  # none is allowed; an empty list is the same, but not kept
    (only,) = spec["egress"]
    assert only["ports"] == [{"protocol": "TCP", "port": 8080}]
    (to,) = only["to"]
    assert set(to) == {"podSelector"}  # with a namespaceSelector it would be more than one proxy


@pytest.mark.parametrize("egress", list(Egress))
def test_every_algorithm_pod_is_selected(egress):
    labels = Identity("any").labels(7, egress)
    selected = POLICIES["v6-algorithms"]["spec"]["podSelector"]["matchLabels"]
    assert selected.items() <= labels.items()


def test_the_proxy_takes_calls_of_algorithms_that_may_reach_it():
    (rule,) = POLICIES["v6-proxy"]["spec"]["ingress"]
    (caller,) = rule["from"]
    selected = caller["podSelector"]["matchLabels"]
    assert selected.items() <= Identity("any").labels(7, Egress.PROXY).items()
    assert not selected.items() <= Identity("any").labels(7, "nothing").items()


def test_nobody_calls_the_node():
    spec = POLICIES["v6-node"]["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    assert "ingress" not in spec
