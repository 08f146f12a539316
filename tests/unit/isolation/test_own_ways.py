"""The ways out of the node's and the proxy's own pods."""

import ipaddress

import pytest

from node_poc.config.load import parse_config
from node_poc.isolation.own_ways import node_ports, node_rules, proxy_ports, proxy_rules
from tests.fakes.examples import config

HEAD = "api_key: a\ntask_dir: /tasks\n"
LOGIN = "docker_registries: [{{registry: '{}', username: u, password: p}}]\n"


def made(text="", url="https://server.example"):
    return parse_config(f"{HEAD}server_url: {url}\n{text}", {})


def tcp(rule):
    return [each["port"] for each in rule["ports"] if each["protocol"] == "TCP"]


def blocks(rules):
    return [to["ipBlock"] for rule in rules for to in rule.get("to", []) if "ipBlock" in to]


def is_open(rules, address, port):
    """Return whether the rules open a TCP port at an address outside of the cluster."""
    asked = ipaddress.ip_address(address)
    return any(
        tcp(rule)[0] <= port <= rule["ports"][0].get("endPort", 0)
        or (
            port in tcp(rule)
            and ("to" not in rule or any(covers(block, asked) for block in blocks([rule])))
        )
        for rule in rules
        if "to" not in rule or blocks([rule])
    )


def covers(block, asked):
    inside = asked in ipaddress.ip_network(block["cidr"])
    return inside and not any(asked in ipaddress.ip_network(e) for e in block.get("except", []))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16"]
)
@pytest.mark.parametrize("rules", [node_rules, proxy_rules])
def test_metadata_is_closed_even_if_the_server_has_its_port(rules, address):
    ways = rules(made(url="http://server.example"))
    assert not is_open(ways, address, 80)
    assert is_open(ways, "192.0.2.1", 80)
    assert is_open(ways, "2001:db8::1", 80)


def test_only_the_node_reaches_the_api_server_and_at_every_address():
    ways = made("port: 5000\n")
    for port in (443, 6443, 16443):
        assert is_open(node_rules(ways), "192.0.2.1", port)
        assert not is_open(proxy_rules(ways), "192.0.2.1", port)
    assert [tcp(rule) for rule in node_rules(ways) if "to" not in rule] == [[443, 6443, 16443]]
    assert is_open(proxy_rules(ways), "192.0.2.1", 5000)


def test_other_ports_of_the_api_server_replace_the_usual_ports():
    ways = made("kubernetes: {walls: {api_ports: [8443]}}\n")
    assert {"ports": [{"protocol": "TCP", "port": 8443}]} in node_rules(ways)
    assert not is_open(node_rules(ways), "192.0.2.1", 6443)


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("", (443,)),
        ("port: 7601\n", (443, 7601)),
        (LOGIN.format("http://r.example"), (80, 443)),
        (LOGIN.format("r.example:5001"), (443, 5001)),
        ("policies: {allowed_algorithms: ['r.example:5002/a:1', a/b:7]}\n", (443, 5002)),
        ("policies: {allowed_algorithms: '^r\\.example:5003/.*'}\n", (443, 5003)),
        ("policies: {allowed_algorithm_stores: ['https://s.example:7602']}\n", (443, 7602)),
        ("kubernetes: {images: {mirrors: {r.example: 'http://m.example:5005'}}}\n", (443, 5005)),
        ("kubernetes: {walls: {own_ports: [5004]}}\n", (443, 5004)),
        ("node_extra_env: {HTTPS_PROXY: 'http://u:p@outer.example:3128'}\n", (443, 3128)),
        ("policies: {allowed_algorithms: ['r.example:99999/a']}\n", (443,)),
    ],
)  # fmt: skip
def test_the_configuration_names_the_nodes_ports(text, ports):
    assert node_ports(made(text)) == ports


def test_the_proxy_needs_the_server_and_an_outer_proxy_only():
    assert proxy_ports(made("port: 7601\n" + LOGIN.format("r:5001"))) == (7601,)
    assert proxy_ports(made("node_extra_env: {https_proxy: 'http://outer:3128'}\n")) == (443, 3128)
    assert proxy_ports(config()) == (80, 443, 5000)


@pytest.mark.parametrize(
    ("host", "namespace"),
    [
        ("server", "v6-jobs"),
        ("server.v6.svc", "v6"),
        ("server.v6.svc.cluster.local", "v6"),
        ("server.example", None),
        ("localhost", None),
        ("192.0.2.1", None),
    ],
)
def test_a_server_behind_a_service_is_reached_at_its_pods(host, namespace):
    for rules in (node_rules, proxy_rules):
        opened = [
            to["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            for rule in rules(made(url=f"http://{host}"))
            for to in rule.get("to", [])
            if "podSelector" not in to and "ipBlock" not in to
        ]
        assert opened == ([namespace] if namespace else [])


def test_dns_leads_to_the_clusters_name_servers_only():
    first = node_rules(made())[0]
    assert {(each["protocol"], each["port"]) for each in first["ports"]} == {
        (protocol, port) for protocol in ("UDP", "TCP") for port in (53, 5353)
    }
    assert all("podSelector" in to for to in first["to"] if "ipBlock" not in to)
    assert [block["cidr"] for block in blocks([first])] == ["169.254.20.10/32"]


def test_a_site_may_leave_addresses_out_of_account_or_open_everything():
    ports = made("port: 7601\nkubernetes: {walls: {own_egress: ports}}\n")
    assert {"ports": [{"protocol": "TCP", "port": 7601}]} in proxy_rules(ports)
    assert [block["cidr"] for block in blocks(proxy_rules(ports))] == ["169.254.20.10/32"]
    everything = made("kubernetes: {walls: {own_egress: open}}\n")
    assert node_rules(everything) == proxy_rules(everything) == []


@pytest.mark.parametrize("rules", [node_rules, proxy_rules])
def test_a_server_with_an_ipv6_address_is_reached_on_its_port(rules):
    config = made("port: 5443\n", url="https://[2001:db8::1]")
    assert config.server_address == "https://[2001:db8::1]:5443"
    assert is_open(rules(config), "2001:db8::1", 5443)
    assert not is_open(rules(config), "2001:db8::1", 5444)


def test_a_registry_with_an_ipv6_address_is_reached_on_its_port():
    images = "policies: {allowed_algorithms: ['[2001:db8::7]:5001/average']}\n"
    assert 5001 in node_ports(made(images))
