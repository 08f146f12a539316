"""The forward proxy for whitelisted names: its objects, and the algorithms' way to it."""

import pytest
from kubernetes import client

from node_poc.config.load import parse_config
from node_poc.isolation.wanted import wanted_policies
from node_poc.manifests.identity import Identity
from node_poc.manifests.own_pods import Station
from node_poc.manifests.station import own_rules
from node_poc.manifests.whitelist_proxy import build_whitelist_proxy

HEAD = "api_key: a\nserver_url: https://server.example\ntask_dir: /tasks\n"
HOSTS = "node_extra_hosts: {outside.example: 192.0.2.1}\n"
NAMES = "whitelist: {domains: [outside.example]}\n"
RULES = [{"apiGroups": [""], "resources": ["services"], "resourceNames": ["x"], "verbs": ["get"]}]


def config(text=""):
    return parse_config(HEAD + text, {})


def made(text=NAMES):
    station = Station(
        config=config(text),
        text=text,
        overrides={},
        key=None,
        authorities=None,
        image="node:1",
        rights=[],
        deployment={},
    )
    return {each["kind"]: each for each in build_whitelist_proxy(station)}


def policies(text):
    found = wanted_policies(config(text), {})
    return {each["metadata"]["name"].rpartition("-")[2]: each["spec"] for each in found}


def test_without_names_there_is_no_pod_no_right_and_no_way():
    for text in ("", "whitelist: {ips: [192.0.2.7]}\n"):
        assert made(text) == {}
        assert "whitelist" not in policies(text)
        (rule,) = own_rules(config(text), RULES)
        assert rule["resourceNames"] == [config().kubernetes.proxy.service]


def test_kubernetes_knows_every_field():
    objects = made()
    assert set(objects) == {"ConfigMap", "Service", "Deployment"}
    for kind, each in objects.items():
        getattr(client, f"V1{kind}").model_validate(each)


def test_the_pod_has_no_right_and_no_privilege():
    pod = made()["Deployment"]["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [volume["name"] for volume in pod["volumes"]] == ["config", "tmp"]
    assert {"cpu", "memory"} <= set(container["resources"]["limits"])


def test_the_sites_own_names_count_for_squid():
    pod = made(NAMES + HOSTS)["Deployment"]["spec"]["template"]["spec"]
    assert pod["hostAliases"] == [{"ip": "192.0.2.1", "hostnames": ["outside.example"]}]


def test_another_list_replaces_the_pod():
    def template(text):
        return made(text)["Deployment"]["spec"]["template"]["metadata"]

    assert template(NAMES) == template(NAMES)
    assert template(NAMES) != template("whitelist: {domains: [another.example]}\n")


def test_algorithms_reach_squid_and_squid_reaches_public_addresses_only():
    service = made()["Service"]["metadata"]["name"]
    own = policies(NAMES)
    selected = made()["Service"]["spec"]["selector"].items()
    (to,) = own["algorithms"]["egress"][-1]["to"]
    assert to["podSelector"]["matchLabels"].items() <= selected
    assert own["algorithms"]["egress"][-1]["ports"] == [{"protocol": "TCP", "port": 3128}]
    squid = own["whitelist"]
    assert squid["podSelector"] == to["podSelector"]
    (caller,) = squid["ingress"][0]["from"]
    names = Identity(config().kubernetes.node_name)
    assert caller["podSelector"]["matchLabels"].items() <= names.labels(7, "proxy").items()
    _, outside = squid["egress"]
    assert [port["port"] for port in outside["ports"]] == [80, 443]
    four, six = (each["ipBlock"] for each in outside["to"])
    assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"} <= set(four["except"])
    assert {"fc00::/7", "fe80::/10"} <= set(six["except"])
    (rule,) = own_rules(config(NAMES), RULES)
    assert rule["resourceNames"] == [config().kubernetes.proxy.service, service]


@pytest.mark.parametrize("domains", ["", "domains: [outside.example], "])
def test_every_opened_way_is_told(domains):
    text = f"whitelist: {{{domains}ips: [192.0.2.7]}}\n"
    told = config(text).opened_ways
    assert told[-1] == "whitelist.ips 192.0.2.7 (ports 80, 443)"
    assert len(told) == (2 if domains else 1)
