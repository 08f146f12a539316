"""Settings that load without an error but probably do not work as intended are reported."""

from pathlib import Path

import pytest
import structlog

from node_poc import node as node_module
from node_poc.cli import main
from node_poc.config.load import load_config, parse_config

ROOT = Path(__file__).resolve().parents[3]
HEAD = "api_key: 95e0a1b2-0000-4000-8000-0123456789ab\ntask_dir: /tasks\n"


def doubts(server="http://server.example", more="", head=HEAD):
    return parse_config(f"{head}server_url: {server}\n{more}", {}).doubts


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "0.0.0.0", "[::1]", "[::]"],
)
@pytest.mark.parametrize("rest", ["", "/v6"])
def test_a_server_on_the_pods_own_address(host, rest):
    (told,) = doubts(f"http://{host}{rest}")
    assert told.startswith(f"server_url: {host.lower().strip('[]')} is the pod itself")
    assert "the machine's address" in told


def test_a_server_that_only_docker_knows():
    (told,) = doubts("http://host.docker.internal")
    assert told.startswith("server_url: host.docker.internal is known in Docker only")
    hosts = "node_extra_hosts: {host.docker.internal: 192.0.2.1}\n"
    assert doubts("http://host.docker.internal", hosts) == ()
    other = "node_extra_hosts: {host.docker.internal: host-gateway}\n"
    assert len(doubts("http://host.docker.internal", other)) == 1


@pytest.mark.parametrize("server", ["https://server.example", "http://192.0.2.1", "http://local"])
def test_a_server_that_pods_reach(server):
    assert doubts(server) == ()


def test_the_dummy_servers_node_may_stand_beside_it():
    assert doubts("http://localhost", head="task_dir: /tasks\n") == ()


@pytest.mark.parametrize("uri", ["data/a.bin", "./a", r"C:\\data\\a.bin", "a name of ours"])
def test_another_database_that_is_neither_path_nor_service(uri):
    database = f'databases: [{{label: a, type: other, uri: "{uri}"}}]\n'
    (told,) = doubts(more=database)
    assert told.startswith("databases[0].uri: ")
    assert "nothing is mounted" in told
    assert "absolute path" in told
    assert "kubernetes.databases_egress.a" in told
    assert uri not in told


@pytest.mark.parametrize(
    "more",
    [
        "databases: [{label: a, type: other, uri: /data/a.bin}]\n",
        "databases: [{label: a, type: other, uri: 'http://host/a'}]\n",
        (
            "databases: [{label: a, type: other, uri: text}]\n"
            "kubernetes: {databases_egress: {a: {host: there, port: 7}}}\n"
        ),
    ],
)
def test_another_database_that_is_one(more):
    assert doubts(more=more) == ()


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("172.17.0.1", "Docker's own containers"),
        ("172.18.0.1", "Docker's own containers"),
        ("10.88.0.1", "Docker's own containers"),
        ("gateway.docker.internal", "known in Docker only"),
        ("host.containers.internal", "known in Docker only"),
        ("docker.for.mac.localhost", "the pod itself"),
    ],
)
def test_a_server_on_this_very_machine_as_docker_calls_it(host, why):
    (told,) = doubts(f"http://{host}")
    assert told.startswith(f"server_url: {host} is ")
    assert why in told
    assert "as pods reach it" in told


@pytest.mark.parametrize("host", ["172.17.0.2", "172.16.0.1", "172.32.0.1", "10.88.0.2"])
def test_other_addresses_are_nobodys_bridge(host):
    assert doubts(f"http://{host}", f"whitelist: {{ips: [{host}, 0.0.0.0/0, 10.0.0.0/8]}}\n") == ()


@pytest.mark.parametrize(
    ("more", "path"),
    [
        (
            "databases: [{label: a, type: omop, uri: 'jdbc:postgresql://172.17.0.1:5432/x'}]\n",
            "databases[0].uri",
        ),
        ("whitelist: {ips: [192.0.2.1, 172.17.0.1]}\n", "whitelist.ips[1]"),
        ("whitelist: {ips: [172.17.0.0/16]}\n", "whitelist.ips[0]"),
        ("whitelist: {ips: [127.0.0.1]}\n", "whitelist.ips[0]"),
        ("node_extra_hosts: {db: 172.17.0.1}\n", "node_extra_hosts.db"),
        (
            "node_extra_env: {HTTPS_PROXY: 'http://me:hidden@172.17.0.1:3128'}\n",
            "node_extra_env.HTTPS_PROXY",
        ),
        ("node_extra_env: {http_proxy: 'http://localhost:3128'}\n", "node_extra_env.http_proxy"),
        (
            (
                "databases: [{label: a, type: sql, uri: 'postgresql://db/x'}]\n"
                "kubernetes: {databases_egress: {a: {address: 172.17.0.1}}}\n"
            ),
            "kubernetes.databases_egress.a.address",
        ),
    ],
)
def test_the_machine_as_docker_sees_it_is_told_wherever_it_stands(more, path):
    (told,) = doubts(more=more)
    assert told.startswith(f"{path}: ")
    assert "the machine's address or name, as pods reach it" in told
    assert "hidden" not in told


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("my-node-key", "a UUID of 36 characters (it has 11)"),
        ("00000000-0000-0000-0000-000000000000", "an example of a key"),
    ],
)
def test_an_api_key_that_has_not_the_form_of_one(key, why):
    (told,) = doubts(head=f"api_key: {key}\ntask_dir: /tasks\n")
    assert told.startswith("api_key: ")
    assert why in told
    assert key not in told


def test_no_file_of_ours_is_in_doubt():
    for path in ("node_poc/node_config.yaml", "tests/fakes/vantage6_node.yaml"):
        assert load_config(ROOT / path, {}).doubts == ()


def test_check_and_the_nodes_log_tell_each_once(tmp_path, monkeypatch, capsys):
    path = tmp_path / "node.yaml"
    path.write_text(f"{HEAD}server_url: http://localhost\n")
    assert main(["check", "--config", str(path)]) == 0
    assert capsys.readouterr().out.count("warning: server_url: localhost is") == 1

    class UnbuiltError(Exception):
        pass

    def no_node(*_, **__):
        raise UnbuiltError

    monkeypatch.setattr(node_module, "Node", no_node)
    with structlog.testing.capture_logs() as logs, pytest.raises(UnbuiltError):
        node_module.run_node(load_config(path, {}), tmp_path, context=None, health_port=0)
    told = [each["doubt"] for each in logs if each["log_level"] == "warning"]
    assert len([each for each in told if each.startswith("server_url: localhost is")]) == 1
    assert len([each for each in told if each.startswith("policies.allowed_algorithms: ")]) == 1
