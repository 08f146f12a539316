"""A key with a null value counts as absent wherever vantage6 treats null as absent."""

import pytest
import yaml

from node_poc.config.load import ConfigError, parse_config

HEAD = "server_url: https://server.example\ntask_dir: /tasks\n"
DEFAULT = parse_config(f"api_key: a\n{HEAD}", {})
SWITCHES = ("share_config", "share_algorithm_logs")
SECTIONS = ("policies", "encryption", "prometheus", "logging", "whitelist", "kubernetes")
KEYS = [
    "port",
    "api_path",
    "databases",
    *SECTIONS,
    "encryption.enabled",
    "encryption.private_key",
    "algorithm_env",
    "algorithm_device_requests",
    "algorithm_device_requests.gpu",
    "node_extra_env",
    "node_extra_mounts",
    "node_extra_hosts",
    "docker_registries",
    "run_context_file",
    "policies.allowed_algorithms",
    "policies.allowed_users",
    "policies.allow_either_whitelist_or_store",
    "prometheus.enabled",
    "prometheus.report_interval_seconds",
    "logging.level",
    "whitelist.ips",
    "kubernetes.node_name",
    "kubernetes.server_kind",
    "kubernetes.namespace",
    "kubernetes.proxy",
    "kubernetes.proxy.service",
    "kubernetes.proxy.host_name",
    "kubernetes.proxy.port",
    "kubernetes.limits",
    "kubernetes.limits.start_seconds",
    "kubernetes.resources",
    "kubernetes.storage",
    "kubernetes.security",
    "kubernetes.security.read_only_root_filesystem",
    "kubernetes.image_pull_secrets",
    "kubernetes.databases_egress",
]


def parsed(key, head="api_key: a\n"):
    *sections, last = key.split(".")
    value = {last: None}
    for section in reversed(sections):
        value = {section: value}
    return parse_config(head + HEAD + yaml.safe_dump(value), {})


@pytest.mark.parametrize("key", KEYS)
def test_null_is_as_if_the_key_were_left_out(key):
    assert parsed(key) == DEFAULT


@pytest.mark.parametrize("key", ["kubernetes", "kubernetes.server_kind", "kubernetes.proxy"])
def test_the_same_with_the_dummy_server(key):
    assert parsed(key, head="") == parse_config(HEAD, {})


def test_null_means_no_limit_where_there_is_none():
    assert parsed("kubernetes.keep_folders_seconds").kubernetes.keep_folders_seconds is None
    assert parsed("kubernetes.security.run_as_user").kubernetes.security.run_as_user is None


@pytest.mark.parametrize("key", SWITCHES)
def test_null_does_not_share_what_vantage6_would_not_share(key):
    assert getattr(DEFAULT, key) is True
    assert getattr(parsed(key), key) is False


@pytest.mark.parametrize("name", ["allow_basics_algorithm", "require_algorithm_pull"])
def test_null_switches_a_policy_off_as_in_vantage6(name):
    assert getattr(DEFAULT.policies, name) is True
    assert getattr(parsed(f"policies.{name}").policies, name) is False


def test_nothing_in_a_database():
    database = "databases: [{label: a, type: csv, uri: /a.csv, env: null, mount_mode: null}]\n"
    (each,) = parse_config(f"api_key: a\n{HEAD}{database}", {}).databases
    assert each.env == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("databases: [{label: a, type: csv, uri: null}]\n", r"databases\[0\]\.uri: is required"),
        ("task_dir: null\n", "task_dir: is required"),
        ("docker_registries: [{registry: a, username: null, password: b}]", r".*username: is requ"),
    ],
)
def test_what_is_required_must_hold_something(text, told):
    head = f"api_key: a\n{HEAD}"
    if text.startswith("task_dir"):
        head = head.replace("task_dir: /tasks\n", "")
    with pytest.raises(ConfigError, match=told):
        parse_config(head + text, {})


def test_a_login_of_numbers_is_text():
    login = "docker_registries: [{registry: a, username: 12, password: 3456}]\n"
    (each,) = parse_config(f"api_key: a\n{HEAD}{login}", {}).docker_registries
    assert (each.username, each.password) == ("12", "3456")
