"""Which NetworkPolicies in a namespace are right for a node, and which are a breach."""

import copy
from pathlib import Path

import pytest
import yaml

from node_poc.config.load import load_config, parse_config
from node_poc.isolation.walls import Walls, possible_labels
from node_poc.isolation.wanted import hosts_to_look_up, wanted_policies
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity, slug
from node_poc.manifests.job import build_job
from node_poc.runs.model import Egress
from tests.fakes.examples import config, spec, vantage6_config
from tests.fakes.walls import stored

ROOT = Path(__file__).resolve().parents[3]
V6 = vantage6_config()
OWN = Identity(V6.kubernetes.node_name)
CONFIGS = {"dummy": config(), "vantage6": V6}
ADDRESSES = {"triples.example": ("192.0.2.8", "2001:db8::8")}
BY_NAME = OWN.reaches_policy("triples")
ALGORITHM = {identity.LABEL_COMPONENT: identity.COMPONENT_ALGORITHM}


def rendered(made):
    return [stored(policy) for policy in wanted_policies(made, ADDRESSES)]


def named(policies, name):
    return next(each for each in policies if each["metadata"]["name"] == name)


def without(policies, name):
    return [each for each in policies if each["metadata"]["name"] != name]


def foreign(selector=None, **spec):
    spec = {"podSelector": selector or {}, "policyTypes": ["Egress"], "egress": [{}]} | spec
    return stored({"metadata": {"name": "foreign"}, "spec": spec})


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_rendered_policies_are_right(kind):
    assert Walls(CONFIGS[kind]).breaches(rendered(CONFIGS[kind])) == ()


def test_the_users_files_are_right_for_the_users_configuration():
    text = (ROOT / "node_poc/kubeconfs/network_policies.yaml").read_text()
    walls = Walls(load_config(ROOT / "node_poc/node_config.yaml", {}))
    assert walls.breaches(yaml.safe_load_all(text)) == ()


NAMED = [(kind, each["metadata"]["name"]) for kind in CONFIGS for each in rendered(CONFIGS[kind])]


@pytest.mark.parametrize(("kind", "name"), [each for each in NAMED if each[1] != BY_NAME])
def test_each_missing_policy_is_named_with_its_remedy(kind, name):
    made = CONFIGS[kind]
    (breach,) = Walls(made).breaches(without(rendered(made), name))
    assert str(breach).startswith(f"NetworkPolicy {name} is missing; ")
    assert "render policies | kubectl apply -f -" in breach.remedy


def test_without_any_policy_all_are_missing():
    found = [breach.policy for breach in Walls(config()).breaches([])]
    assert found == ["v6-algorithms", "v6-algorithms-to-proxy", "v6-node", "v6-proxy"]


CHANGES = {
    "podSelector": {"podSelector": {"matchLabels": {"another": "label"}}},
    "ingress": {"policyTypes": ["Ingress", "Egress"], "ingress": [{}]},
    "egress": {"policyTypes": ["Ingress", "Egress"], "egress": [{}]},
    "unknown fields": {"aNewField": {"all": True}},
}


@pytest.mark.parametrize("part", CHANGES)
@pytest.mark.parametrize(("kind", "name"), NAMED)
def test_each_changed_policy_is_named_with_the_part_and_a_remedy(kind, name, part):
    policies = rendered(CONFIGS[kind])
    named(policies, name)["spec"] |= copy.deepcopy(CHANGES[part])
    (breach,) = Walls(CONFIGS[kind]).breaches(policies)
    assert breach.policy == name
    assert breach.found.startswith("was changed (")
    assert part in breach.found
    assert f"delete networkpolicy {name}" in breach.remedy


def test_metadata_of_others_is_no_change():
    policies = rendered(V6)
    for policy in policies:
        policy["metadata"] |= {"labels": {"team": "a"}, "annotations": {"applied": "yesterday"}}
        policy["status"] = {}
    assert Walls(V6).breaches(policies) == ()


def test_a_databases_name_may_have_other_addresses_or_none_but_no_network():
    assert hosts_to_look_up(V6)["triples"] == "triples.example"
    policies = rendered(V6)
    (rule,) = named(policies, BY_NAME)["spec"]["egress"]
    walls = Walls(V6)
    rule["to"] = [{"ipBlock": {"cidr": "198.51.100.4/32"}}]
    assert walls.breaches(policies) == ()
    assert walls.breaches(without(policies, BY_NAME)) == ()
    rule["to"] = [{"ipBlock": {"cidr": "198.51.0.0/16"}}]
    assert [breach.policy for breach in walls.breaches(policies)] == [BY_NAME]
    rule |= {"to": [{"ipBlock": {"cidr": "198.51.100.4/32"}}], "ports": []}
    assert [breach.policy for breach in walls.breaches(policies)] == [BY_NAME]


def test_nodes_of_one_namespace_do_not_count_each_others_policies_as_foreign():
    text = "api_key: {}\nserver_url: https://server.example\ntask_dir: /tasks\n"
    made = [config(), V6, *(parse_config(text.format(key), {}) for key in ("a", "b", "c"))]
    together = {p["metadata"]["name"]: p for each in made for p in rendered(each)}
    for each in made:
        assert Walls(each).breaches(together.values()) == ()


EXISTS = {"matchExpressions": [{"key": identity.LABEL_RUN, "operator": "Exists"}]}
APART = {
    "matchExpressions": [
        {"key": identity.LABEL_COMPONENT, "operator": "NotIn", "values": ["algorithm"]}
    ]
}
MONITORED = {"matchLabels": {"app": "monitored"}}
REACHES = {"matchLabels": {identity.reaches_label("post"): "true"}}
OF_JOBS = {"matchExpressions": [{"key": "batch.kubernetes.io/job-name", "operator": "Exists"}]}


@pytest.mark.parametrize(
    ("policy", "opened"),
    [
        (foreign(), "egress"),
        (foreign(policyTypes=["Ingress"], egress=[], ingress=[{}]), "ingress"),
        (foreign(policyTypes=["Ingress", "Egress"], ingress=[{}]), "ingress and egress"),
        (foreign({"matchLabels": ALGORITHM}), "egress"),
        (foreign({"matchLabels": {identity.LABEL_NODE: OWN.node_label}}), "egress"),
        (foreign({"matchLabels": {identity.LABEL_EGRESS: "none"}}), None),
        (foreign({"matchLabels": {identity.LABEL_EGRESS: "proxy"}}), "egress"),
        (foreign(EXISTS), "egress"),
        (foreign(REACHES), "egress"),
        (foreign(OF_JOBS), "egress"),
        (foreign(egress=[{"ports": [{"port": 53, "protocol": "UDP"}]}]), "egress"),
        (foreign(aNewWay=["everywhere"], egress=[]), "unknown ways"),
        (foreign(APART), None),
        (foreign(MONITORED), None),
        (foreign({"matchLabels": {identity.LABEL_NODE: slug("another")}}), None),
        (foreign({"matchLabels": {identity.LABEL_COMPONENT: identity.COMPONENT_NODE}}), None),
        (foreign(egress=[]), None),
        (foreign(policyTypes=["Ingress", "Egress"], egress=[], ingress=[]), None),
    ],
)
def test_a_foreign_policy_that_opens_a_way_for_algorithms_is_named(policy, opened):
    found = Walls(V6).breaches([*rendered(V6), policy])
    if opened is None:
        assert found == ()
        return
    (breach,) = found
    assert str(breach).startswith(f"NetworkPolicy foreign opens {opened} for algorithms; ")
    assert "delete networkpolicy foreign" in breach.remedy


def test_a_policy_that_cannot_be_understood_is_a_breach():
    odd = foreign(egress=[{"to": [{"ipBlock": {"cidr": "everywhere"}}]}])
    (breach,) = Walls(V6).breaches([*rendered(V6), odd])
    assert str(breach).startswith("NetworkPolicy foreign is not understood (ValueError); ")


@pytest.mark.parametrize("egress", list(Egress))
@pytest.mark.parametrize("run_id", [1, 2**63 - 1])
def test_every_label_of_a_pod_is_one_that_selectors_are_compared_with(egress, run_id):
    made = build_job(spec(run_id, egress=egress), config(), "10.96.0.77", 10001)
    labels = made["spec"]["template"]["metadata"]["labels"]
    possible = possible_labels(config())
    assert {key for key, value in labels.items() if not is_possible(value, possible[key])} == set()
    services = tuple(each.label for each in V6.databases if V6.has_way(each))
    possible = possible_labels(V6)
    for key, value in OWN.labels(run_id, egress, services).items():
        assert is_possible(value, possible[key])


def is_possible(value, values):
    return values is None or value in values
