"""The ValidatingAdmissionPolicy of a node: its form. tests/cluster tries the policy."""

import json
from pathlib import Path

import pytest
from kubernetes.client import V1ValidatingAdmissionPolicy, V1ValidatingAdmissionPolicyBinding

from node_poc.config.load import parse_config
from node_poc.isolation.cel import literal
from node_poc.isolation.job_policy import build_job_policy
from tests.fakes.examples import config

TESTS = Path(__file__).resolve().parents[2]
GOLDEN = TESTS / "golden/job_policy_vantage6.json"
CONFIG = parse_config((TESTS / "fakes/vantage6_node.yaml").read_text(), {})


def made(settings=CONFIG):
    return build_job_policy(settings, "v6-node", 10001)


def expressions(settings=CONFIG):
    return [each["expression"] for each in made(settings)[0]["spec"]["validations"]]


def test_the_policy_is_as_it_was(request):
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(json.dumps(made(), indent=2) + "\n")
    assert made() == json.loads(GOLDEN.read_text())


def test_kubernetes_knows_every_field():
    policy, binding = json.loads(json.dumps(made()))
    V1ValidatingAdmissionPolicy.model_validate(policy)
    V1ValidatingAdmissionPolicyBinding.model_validate(binding)


def test_the_policy_fails_closed_and_denies():
    policy, binding = made()
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"] == {
        "policyName": policy["metadata"]["name"],
        "validationActions": ["Deny"],
    }


def test_only_the_nodes_account_is_concerned():
    (condition,) = made()[0]["spec"]["matchConditions"]
    assert condition["expression"].endswith('"system:serviceaccount:v6-jobs:v6-node"')


@pytest.mark.parametrize(
    ("gate", "needed", "named"), [("on", True, True), ("auto", False, True), ("off", False, False)]
)
def test_init_containers_are_the_gate_or_none(gate, needed, named):
    found = [each for each in expressions(config(walls={"gate": gate})) if "initContainers" in each]
    lacks = "!has(object.spec.template.spec.initContainers)"
    assert (
        any(each.startswith("request.operation != 'CREATE' || (has(") for each in found) is needed
    )
    assert any(lacks in each for each in found) is named
    keys = [each for each in expressions(config(walls={"gate": gate})) if '"containers"' in each]
    assert all(('"initContainers"' in each) is named for each in keys)


def test_two_nodes_have_two_policies():
    one, another = (made(config(node_name=name))[0]["metadata"]["name"] for name in ("a", "b"))
    assert one != another


def test_paths_of_the_configuration_are_the_only_paths():
    text = " ".join(expressions(config()))
    for path in ("/tasks", "/data/employees.csv", "/data/more.csv", "/data/pictures"):
        assert f'"path": dyn({literal(path)})' in text
    assert text.count('"path": ') == 4


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, True]}, '{"a": dyn([1, true])}'),
        ('quo"te\\', '"quo\\"te\\\\"'),
        ("Ärzte 😀", '"Ärzte 😀"'),
        ("line\nend", '"line\\nend"'),
        ([], "[]"),
    ],
)
def test_a_value_becomes_a_literal(value, text):
    assert literal(value) == text
