"""NetworkPolicies of a vantage6 node: the allowed connections, and the separation of two nodes."""

import json
from pathlib import Path

import pytest
from kubernetes.client import V1NetworkPolicy

from node_poc.config.load import parse_config
from node_poc.isolation.node_policies import build_node_policies
from node_poc.manifests.identity import Identity, slug
from node_poc.runs.model import Egress

TESTS = Path(__file__).resolve().parents[2]
GOLDEN = TESTS / "golden/policies_vantage6.json"
TEXT = (TESTS / "fakes/vantage6_node.yaml").read_text()
CONFIG = parse_config(TEXT, {})
NAMES = Identity(CONFIG.kubernetes.node_name)
ADDRESSES = {"triples.example": ("192.0.2.8", "2001:db8::8")}
HEAD = "api_key: a\nserver_url: https://server.example\ntask_dir: /tasks\n"


def made(config=CONFIG, addresses=ADDRESSES):
    return build_node_policies(config, addresses)


def named(suffix, policies=None):
    (found,) = [p for p in policies or made() if p["metadata"]["name"].endswith(suffix)]
    return found["spec"]


def service_config(uri, egress=""):
    text = f"{HEAD}databases: [{{label: db, type: sql, uri: '{uri}'}}]\n"
    return parse_config(f"{text}kubernetes: {{databases_egress: {{{egress}}}}}\n", {})


def reaches(policies):
    found = [p["spec"]["egress"] for p in policies if "-reaches-" in p["metadata"]["name"]]
    return found[0] if found else None


def test_the_policies_are_as_they_were(request):
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(json.dumps(made(), indent=2) + "\n")
    assert made() == json.loads(GOLDEN.read_text())
    for policy in made():
        V1NetworkPolicy.model_validate(policy)


def selects(spec, labels):
    return spec["podSelector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("egress", list(Egress))
def test_every_algorithm_of_this_node_is_walled_in_and_none_of_another(egress):
    spec = named("-algorithms")
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    assert selects(spec, NAMES.labels(7, egress))
    assert not selects(spec, Identity("another").labels(7, egress))


def test_an_algorithm_reaches_its_own_proxy_and_the_whitelist():
    proxy, whitelist, _ = named("-algorithms")["egress"]
    (to,) = proxy["to"]
    assert to["podSelector"]["matchLabels"]["vantage6.ai/node"] == NAMES.node_label
    assert proxy["ports"] == [{"protocol": "TCP", "port": 8080}]
    assert whitelist == {
        "to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}],
        "ports": [{"protocol": "TCP", "port": 443}],
    }


def test_without_a_whitelist_there_is_the_proxy_only():
    (only,) = named("-algorithms", made(parse_config(HEAD, {})))["egress"]
    assert "podSelector" in only["to"][0]


def test_a_whitelist_without_ports_is_for_the_web():
    config = parse_config(HEAD + "whitelist: {ips: [10.0.0.0/8]}\n", {})
    rule = named("-algorithms", made(config))["egress"][1]
    assert [port["port"] for port in rule["ports"]] == [80, 443]
    assert rule["to"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}]


def test_ports_of_a_whitelist_without_addresses_open_nothing():
    config = parse_config(HEAD + "whitelist: {ports: [443]}\n", {})
    assert len(named("-algorithms", made(config))["egress"]) == 1


def test_only_this_nodes_algorithms_call_its_proxy():
    (rule,) = named("-proxy")["ingress"]
    (caller,) = rule["from"]
    assert selects(caller, NAMES.labels(7, Egress.PROXY))
    assert not selects(caller, Identity("another").labels(7, Egress.PROXY))


def test_nobody_calls_the_node():
    assert "ingress" not in named("-node")
    assert "Ingress" in named("-node")["policyTypes"]


def test_a_database_is_reached_by_who_asked_for_it_on_its_port_only():
    spec = named(f"-reaches-{slug('post')}")
    assert spec["policyTypes"] == ["Egress"]
    assert spec["egress"] == [
        {
            "to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}],
            "ports": [{"protocol": "TCP", "port": 5432}],
        }
    ]
    assert selects(spec, NAMES.labels(7, "proxy", ("post",)))
    assert not selects(spec, NAMES.labels(7, "proxy", ("triples",)))
    assert not selects(spec, NAMES.labels(7, "proxy"))


def test_a_name_is_reached_at_all_its_addresses():
    (rule,) = named(f"-reaches-{slug('triples')}")["egress"]
    assert [to["ipBlock"]["cidr"] for to in rule["to"]] == ["192.0.2.8/32", "2001:db8::8/128"]


def test_a_name_without_an_address_is_not_reached():
    assert reaches(made(service_config("http://nowhere.example"), {})) is None
    assert reaches(made(service_config("http://nowhere.example"), {"nowhere.example": ()})) is None


def test_an_address_of_the_file_comes_first():
    config = service_config("http://host.example:7", "db: {address: 10.0.0.9}")
    (rule,) = reaches(made(config, {"host.example": ("10.0.0.1",)}))
    assert rule["to"] == [{"ipBlock": {"cidr": "10.0.0.9/32"}}]


def test_a_file_that_names_a_service_lets_its_runs_reach_that_and_no_other_run():
    text = f"{HEAD}databases: [{{label: db, type: csv, uri: /a.csv}}]\n"
    egress = "kubernetes: {databases_egress: {db: {host: triples.example, port: 7200}}}\n"
    policies = made(parse_config(text + egress, {}))
    (rule,) = reaches(policies)
    assert [to["ipBlock"]["cidr"] for to in rule["to"]] == ["192.0.2.8/32", "2001:db8::8/128"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 7200}]
    spec = named(f"-reaches-{slug('db')}", policies)
    names = Identity(parse_config(HEAD, {}).kubernetes.node_name)
    assert selects(spec, names.labels(7, "proxy", ("db",)))
    assert not selects(spec, names.labels(7, "proxy"))
    assert reaches(made(parse_config(text, {}))) is None


def test_a_database_inside_the_cluster_is_reached_at_its_pods():
    egress = "db: {namespace: data, pod_labels: {app: postgres}, pod_port: 5433}"
    (rule,) = reaches(made(service_config("postgresql://pg.data.svc/x", egress), {}))
    assert rule == {
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "data"}},
                "podSelector": {"matchLabels": {"app": "postgres"}},
            }
        ],
        "ports": [{"protocol": "TCP", "port": 5433}],
    }


def test_pods_are_those_of_the_nodes_namespace_and_the_services_port_else():
    (rule,) = reaches(made(service_config("postgresql://pg/x", "db: {pod_labels: {a: b}}"), {}))
    selector = rule["to"][0]["namespaceSelector"]["matchLabels"]
    assert list(selector.values()) == ["v6-jobs"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 5432}]


def test_policies_of_two_nodes_have_names_of_their_own():
    other = parse_config(TEXT, {"V6_API_KEY": "other"})
    names = [each["metadata"]["name"] for each in (*made(), *made(other))]
    assert len(set(names)) == len(names)
