"""NetworkPolicies with one meaning in many spellings, and with other meanings."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_poc.isolation.meaning import may_select, meaning
from node_poc.isolation.node_policies import build_node_policies
from node_poc.isolation.policies import build_policies
from tests.fakes.examples import config, vantage6_config
from tests.fakes.walls import stored

TO_PROXY = {"podSelector": {"matchLabels": {"a": "proxy"}}}
RENDERED = [
    *build_policies(config()),
    *build_node_policies(vantage6_config(), {"triples.example": ("192.0.2.8", "2001:db8::8")}),
]


def of(**spec):
    return meaning({"metadata": {"name": "p"}, "spec": {"podSelector": {}} | spec})


def egress(*rules):
    return of(policyTypes=["Egress"], egress=list(rules))


def to(*peers, **rule):
    return {"to": list(peers)} | rule


def block(cidr, *cut):
    return {"ipBlock": {"cidr": cidr} | ({"except": list(cut)} if cut else {})}


SAME = {
    "no rule and an empty list of rules": (of(ingress=[]), of()),
    "types by default": (of(egress=[{}]), of(policyTypes=["Ingress", "Egress"], egress=[{}])),
    "types without egress": (of(), of(policyTypes=["Ingress"])),
    "order of types": (
        of(policyTypes=["Ingress", "Egress"]),
        of(policyTypes=["Egress", "Ingress"]),
    ),
    "rules of a direction without effect": (
        of(policyTypes=["Ingress"], egress=[{}]),
        of(policyTypes=["Ingress"]),
    ),
    "a label as an expression": (
        of(podSelector={"matchLabels": {"a": "b"}}),
        of(podSelector={"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}),
    ),
    "order of values": (
        of(
            podSelector={"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}
        ),
        of(
            podSelector={"matchExpressions": [{"key": "a", "operator": "In", "values": ["c", "b"]}]}
        ),
    ),
    "TCP by default": (
        egress(to(TO_PROXY, ports=[{"port": 1}])),
        egress(to(TO_PROXY, ports=[{"port": 1, "protocol": "TCP"}])),
    ),
    "a range of one port": (
        egress(to(TO_PROXY, ports=[{"port": 1}])),
        egress(to(TO_PROXY, ports=[{"port": 1, "endPort": 1}])),
    ),
    "a rule split by peers": (
        egress(to(block("192.0.2.1/32"), block("192.0.2.2/32"))),
        egress(to(block("192.0.2.2/32")), to(block("192.0.2.1/32"))),
    ),
    "host bits of a network": (
        egress(to(block("192.0.2.9/24"))),
        egress(to(block("192.0.2.0/24"))),
    ),
    "spelling of an IPv6 network": (
        egress(to(block("2001:DB8:0::8/128"))),
        egress(to(block("2001:db8::8/128"))),
    ),
    "everybody": (egress({}), egress({"to": [], "ports": []})),
}
OTHER = {
    "another direction": (of(policyTypes=["Ingress"]), of(policyTypes=["Ingress", "Egress"])),
    "a rule for everybody": (egress(to(TO_PROXY)), egress(to(TO_PROXY), {})),
    "no rule and a rule": (egress(), egress({})),
    "fewer labels": (of(podSelector={"matchLabels": {"a": "b"}}), of()),
    "an operator": (
        of(podSelector={"matchExpressions": [{"key": "a", "operator": "Exists"}]}),
        of(podSelector={"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}),
    ),
    "pods of every namespace": (
        egress(to(TO_PROXY)),
        egress(to(TO_PROXY | {"namespaceSelector": {}})),
    ),
    "every port": (egress(to(TO_PROXY, ports=[{"port": 1}])), egress(to(TO_PROXY))),
    "another port": (
        egress(to(TO_PROXY, ports=[{"port": 1}])),
        egress(to(TO_PROXY, ports=[{"port": 2}])),
    ),
    "a range of ports": (
        egress(to(TO_PROXY, ports=[{"port": 1}])),
        egress(to(TO_PROXY, ports=[{"port": 1, "endPort": 9}])),
    ),
    "another protocol": (
        egress(to(TO_PROXY, ports=[{"port": 1}])),
        egress(to(TO_PROXY, ports=[{"port": 1, "protocol": "UDP"}])),
    ),
    "a larger network": (egress(to(block("192.0.2.1/32"))), egress(to(block("192.0.2.0/24")))),
    "nothing cut out": (
        egress(to(block("192.0.2.0/24", "192.0.2.1/32"))),
        egress(to(block("192.0.2.0/24"))),
    ),
    "an unknown field of a rule": (egress(to(TO_PROXY)), egress(to(TO_PROXY, new="field"))),
    "an unknown field of a peer": (egress(to(TO_PROXY)), egress(to(TO_PROXY | {"new": 1}))),
    "an unknown field": (of(), of(new={"a": 1})),
}


@pytest.mark.parametrize("name", SAME)
def test_another_spelling_has_the_same_meaning(name):
    one, other = SAME[name]
    assert one == other
    assert one.differing(other) == ()


@pytest.mark.parametrize("name", OTHER)
def test_another_meaning_is_noticed(name):
    one, other = OTHER[name]
    assert one != other
    assert one.differing(other)


def shuffled(data, dice):
    """Return a copy with each list and each mapping in another order."""
    if isinstance(data, list):
        return dice.sample([shuffled(each, dice) for each in data], len(data))
    if isinstance(data, dict):
        return {key: shuffled(data[key], dice) for key in dice.sample(list(data), len(data))}
    return data


@given(st.sampled_from(RENDERED), st.randoms(use_true_random=False))
def test_defaults_and_order_do_not_change_the_meaning(policy, dice: random.Random):
    assert meaning(shuffled(stored(policy), dice)) == meaning(policy)


def test_single_addresses_count_as_one_host_and_networks_do_not():
    some = egress(to(block("192.0.2.1/32")))
    for addresses in (["10.0.0.1/32"], ["10.0.0.1/32", "2001:db8::1/128"]):
        assert egress(to(*map(block, addresses))).with_one_host("192.0.2.1") == some
    for peers in ([block("10.0.0.0/31")], [block("0.0.0.0/0")], [TO_PROXY], []):
        assert egress(to(*peers)).with_one_host("192.0.2.1") != some
    assert of().with_one_host("192.0.2.1") == of()


LABELS = {"fixed": ("a",), "one": ("x", "y"), "perhaps": ("true", None), "any": None}


@pytest.mark.parametrize(
    ("key", "operator", "values", "selects"),
    [
        ("fixed", "In", ["a", "b"], True),
        ("fixed", "In", ["b"], False),
        ("fixed", "NotIn", ["b"], True),
        ("fixed", "NotIn", ["a"], False),
        ("fixed", "Exists", [], True),
        ("fixed", "DoesNotExist", [], False),
        ("one", "In", ["y"], True),
        ("one", "NotIn", ["x"], True),
        ("one", "NotIn", ["x", "y"], False),
        ("perhaps", "In", ["true"], True),
        ("perhaps", "Exists", [], True),
        ("perhaps", "DoesNotExist", [], True),
        ("perhaps", "NotIn", ["true"], True),
        ("any", "In", ["what"], True),
        ("any", "NotIn", ["what"], True),
        ("any", "Exists", [], True),
        ("any", "DoesNotExist", [], False),
        ("none", "In", ["a"], False),
        ("none", "NotIn", ["a"], True),
        ("none", "Exists", [], False),
        ("none", "DoesNotExist", [], True),
        ("none", "NewOperator", [], True),
    ],
)
def test_a_selector_is_compared_with_all_labels_that_a_pod_may_have(key, operator, values, selects):
    one = {"key": key, "operator": operator, "values": values}
    assert may_select(of(podSelector={"matchExpressions": [one]}).pods, LABELS) is selects


def test_an_empty_selector_selects_every_pod_and_one_unmet_requirement_none():
    assert may_select(of().pods, LABELS)
    selector = {"matchLabels": {"fixed": "a", "none": "a"}}
    assert not may_select(of(podSelector=selector).pods, LABELS)
