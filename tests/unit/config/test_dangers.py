"""Each risky setting is reported with its key and a remedy; safe settings are not reported."""

import pytest

from node_poc.config.dangers import find_dangers
from node_poc.config.load import parse_config

SAFE = """
api_key: 95e0a1b2-0000-4000-8000-0123456789ab
server_url: {server}
task_dir: /tasks
policies: {{allowed_algorithms: [host/a], allowed_algorithm_stores: [{store}]}}
docker_registries: [{{registry: '{registry}', username: a, password: b}}]
encryption: {{enabled: {encrypted}}}
share_algorithm_logs: {logs}
whitelist: {{ips: [{ips}]}}
databases: [{{label: a, type: other, uri: '{uri}'}}]
kubernetes:
  walls: {{required: {walls}, self_test_hours: {hours}}}
  limits: {{run_seconds: {seconds}}}
  security: {{run_as_user: {user}}}
"""
GOOD = {
    "server": "https://server.example",
    "store": "https://store.example",
    "registry": "registry.example",
    "encrypted": "true",
    "logs": "false",
    "ips": "192.0.2.7",
    "uri": "http://192.0.2.9:7",
    "seconds": "3600",
    "user": "10001",
    "walls": "true",
    "hours": "24",
}


def dangers(**changes):
    return list(find_dangers(parse_config(SAFE.format(**GOOD | changes), {})))


def test_safe_settings_are_not_told():
    assert dangers() == []


@pytest.mark.parametrize(
    ("changes", "key", "part"),
    [
        ({"server": "http://server.example"}, "server_url", "https://"),
        ({"server": "http://192.168.1.7/api"}, "server_url", "https://"),
        ({"store": "http://store.example"}, "policies.allowed_algorithm_stores[0]", "https://"),
        ({"store": r"^http://store\.example"}, "policies.allowed_algorithm_stores[0]", "clear"),
        ({"registry": "http://registry.example"}, "docker_registries[0].registry", "password"),
        ({"logs": "true"}, "share_algorithm_logs", "false"),
        ({"ips": "0.0.0.0/0"}, "whitelist.ips[0]", "nearly any"),
        ({"ips": "192.0.2.7, '::/0'"}, "whitelist.ips[1]", "nearly any"),
        ({"ips": "128.0.0.0/1"}, "whitelist.ips[0]", "nearly any"),
        ({"ips": "169.254.169.254"}, "whitelist.ips[0]", "machine's keys"),
        ({"ips": "169.254.0.0/16"}, "whitelist.ips[0]", "machine's keys"),
        ({"ips": "'fd00:ec2::/32'"}, "whitelist.ips[0]", "machine's keys"),
        ({"ips": "'::ffff:169.254.169.254'"}, "whitelist.ips[0]", "machine's keys"),
        ({"ips": "168.0.0.0/8"}, "whitelist.ips[0]", "machine's keys"),
        ({"uri": "http://169.254.169.254/latest"}, "databases[0]", "own address"),
        ({"seconds": "null"}, "kubernetes.limits.run_seconds", "for ever"),
        ({"user": "0"}, "kubernetes.security.run_as_user", "as root"),
        ({"hours": "null"}, "kubernetes.walls.self_test_hours", "does not enforce"),
        ({"walls": "false"}, "kubernetes.walls.required", "missing or open"),
        ({"user": "null"}, "kubernetes.security.run_as_user", "may be root"),
    ],
)
def test_a_danger_is_told_with_its_key(changes, key, part):
    (told,) = dangers(**changes)
    assert told.startswith(f"{key}: ")
    assert part in told
    assert told.count("\n") == 0


@pytest.mark.parametrize(
    "server",
    [
        "http://localhost",
        "http://127.0.0.1",
        "http://server",
        "http://server.v6.svc",
        "http://a.svc",
    ],
)
def test_a_server_that_is_not_remote(server):
    assert dangers(server=server) == []


def test_a_plain_registry_on_this_machine():
    assert dangers(registry="http://localhost:5001") == []
    assert dangers(registry="http://[::1]:5001") == []


@pytest.mark.parametrize("ips", ["10.0.0.0/8", "192.168.0.0/16", "'fd00::/16'", "'2001:db8::/32'"])
def test_networks_of_a_site(ips):
    assert [each for each in dangers(ips=ips) if "nearly any" in each] == []


@pytest.mark.parametrize(
    ("policies", "who"),
    [
        ("{}", "every researcher of the collaboration"),
        ("{allowed_users: [2]}", "whoever may post tasks here"),
        ("{allowed_organizations: [2]}", "whoever may post tasks here"),
    ],
)
def test_a_node_that_runs_any_image(policies, who):
    text = SAFE.format(**GOOD).splitlines()
    text = [f"policies: {policies}" if line.startswith("policies") else line for line in text]
    (told,) = find_dangers(parse_config("\n".join(text), {}))
    assert told.startswith("policies.allowed_algorithms: is not set")
    assert who in told


def test_the_dummy_servers_node_is_told_of_what_its_algorithms_may_do():
    made = parse_config("server_url: http://172.30.0.1\ntask_dir: /tasks\n", {})
    keys = [told.partition(":")[0] for told in find_dangers(made)]
    assert keys == ["policies.allowed_algorithms", "kubernetes.limits.run_seconds"]


CLAIM = """
  storage: {{mode: pvc, claim: a, databases_claim: b, databases_root: /d, size: {size}}}
  limits: {{run_seconds: 60, output_size: {most}}}
"""


@pytest.mark.parametrize(
    ("size", "most", "is_told"),
    [
        ("20Gi", "10Gi", False),
        ("10Gi", "10Gi", True),
        ("5Gi", "10Gi", True),
        ("20Gi", "null", True),
        ("null", "10Gi", False),
    ],
)
def test_a_claim_that_one_run_can_fill(size, most, is_told):
    head, _ = SAFE.format(**GOOD).split("kubernetes:")
    text = f"{head}kubernetes:{CLAIM.format(size=size, most=most)}"
    told = list(find_dangers(parse_config(text, {})))
    assert [each.startswith("kubernetes.limits.output_size: ") for each in told] == [True] * is_told
