"""A Docker node's full file loads; each setting without effect is reported once, with a reason."""

from pathlib import Path

import pytest
import yaml

from node_poc.config.kinds.registry import KINDS
from node_poc.config.load import load_config, parse_config
from node_poc.config.not_applied import split

FILE = Path(__file__).resolve().parents[2] / "fakes/vantage6_node.yaml"
HEAD = "server_url: https://server.example\ntask_dir: /tasks\n"

TOLD = {
    "databases[1].mount_mode",
    "databases[8].uri",
    "debug.proxy_server",
    "debug.socketio",
    "directories.data",
    "directories.log",
    "docker_services",
    "images.alpine",
    "images.network_config",
    "images.node",
    "images.squid",
    "images.ssh_tunnel",
    "images.vpn_client",
    "logging.backup_count",
    "logging.datefmt",
    "logging.file",
    "logging.format",
    "logging.loggers",
    "logging.max_size",
    "logging.use_console",
    "ssh-tunnels",
    "vpn_subnet",
}


def test_a_whole_file_is_taken_and_each_key_without_effect_told_once():
    config = load_config(FILE, {})
    keys = [item.key for item in config.not_applied]
    assert sorted(keys) == sorted(TOLD)
    assert all(len(item.reason) > 10 for item in config.not_applied)


def test_a_whole_file_has_its_effect():
    config = load_config(FILE, {})
    assert config.server_address == "https://server.example:443"
    assert config.kubernetes.server_kind == "vantage6"
    assert config.algorithm_env == {"player": "Alice", "count": "3"}
    assert config.algorithm_device_requests.gpu is True
    assert config.encryption.enabled is True
    assert config.policies.allowed_users == ["2"]
    assert config.policies.allowed_organizations == ["6", "root"]
    assert config.docker_registries[0].password == "hidden-words"
    assert config.whitelist.domains == ["host.example"]
    assert config.whitelist.ips == ["192.0.2.7"]
    assert config.share_algorithm_logs is False
    assert config.run_context_file is True
    assert config.prometheus.report_interval_seconds == 45
    assert config.logging.level == "DEBUG"
    assert config.node_extra_hosts == {"server.example": "192.0.2.1"}


def test_no_secret_of_it_is_shown():
    assert "hidden-words" not in repr(load_config(FILE, {}))


def test_every_key_of_it_is_read_or_told():
    data = yaml.safe_load(FILE.read_text())
    values, reasons = split(data, KINDS["vantage6"])
    told = {key.partition(".")[0] for key in reasons}
    assert set(data) - set(values) <= told


def test_the_dummy_server_has_no_use_for_more():
    dummy = (
        "encryption: {enabled: true, anything: 1}\nshare_config: true\nprometheus: {enabled: true}"
        "\nwhitelist: {ips: [x]}\nnode_extra_env: {A: b}\nalgorithm_env: {A: b}\n"
    )
    config = parse_config(HEAD + dummy, {})
    assert [item.key for item in config.not_applied] == [
        "algorithm_env",
        "encryption",
        "node_extra_env",
        "prometheus",
        "share_config",
        "whitelist",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "vpn_subnet:",
        "ssh-tunnels: []",
        "docker_services: {}",
        "images:",
        "debug: {socketio: false, proxy_server: false}",
        "directories: {log: null}",
        "whitelist: {domains: []}",
        "whitelist:",
        "policies:",
        "algorithm_env:",
        "node_extra_mounts:",
        "databases:",
        "logging: {use_console: true}",
    ],
)
def test_a_key_that_says_nothing_is_worth_no_word(text):
    assert parse_config(f"api_key: a\n{HEAD}{text}\n", {}).not_applied == ()


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("postgresql://localhost/x", True),
        ("postgresql://user@127.0.0.1:1/x", True),
        ("postgresql://[::1]/x", True),
        ("http://HOST.docker.internal:7200/x", True),
        ("http://host.example/localhost", False),
        ("/data/localhost", False),
    ],
)
def test_a_host_that_only_docker_knows(uri, told):
    text = f"api_key: a\n{HEAD}databases:\n  - {{label: a, type: other, uri: '{uri}'}}\n"
    found = [item for item in parse_config(text, {}).not_applied if item.key == "databases[0].uri"]
    assert bool(found) is told
    assert all("kubernetes.databases_egress.a.address" in item.reason for item in found)


@pytest.mark.parametrize("value", ["7", "[1]", "text"])
@pytest.mark.parametrize("key", ["images", "debug", "directories"])
def test_a_section_that_is_none_is_told_whole(key, value):
    config = parse_config(f"api_key: a\n{HEAD}{key}: {value}\n", {})
    assert [item.key for item in config.not_applied] == [key]
