import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from node_poc.config.explain import explain
from node_poc.config.load import NOT_APPLIED_KEYS, ConfigError, load_config, parse_config
from node_poc.config.model import NodeConfig, absolute_path
from tests.fakes.examples import JSON

SECRET = "the-api-key-that-no-message-may-show"
GOOD = f"""\
api_key: {SECRET}
server_url: https://server.example
port: 443
task_dir: /tasks
databases:
  - label: default
    uri: /data/a.csv
    type: csv
kubernetes:
  node_name: My node
"""


def broken(text):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, {})
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_a_good_file():
    config = parse_config(GOOD, {})
    assert config.server_address == "https://server.example:443"
    assert config.database("default").uri == "/data/a.csv"
    assert config.database("other") is None
    assert config.kubernetes.node_name == "My node"


def test_the_api_key_is_not_shown():
    assert SECRET not in repr(parse_config(GOOD, {}))


def test_the_environment_gives_the_api_key():
    assert parse_config(GOOD, {"V6_API_KEY": "other"}).api_key == "other"
    assert parse_config(GOOD, {"V6_API_KEY": ""}).api_key == SECRET


def test_a_server_without_a_port():
    assert parse_config(GOOD.replace("port: 443\n", ""), {}).server_address.endswith(".example")


@pytest.mark.parametrize("key", sorted(NOT_APPLIED_KEYS))
def test_a_key_of_vantage6_that_has_no_effect_is_read(key):
    config = parse_config(GOOD + f"{key}:\n  anything: 1\n", {})
    assert config.not_applied == (key,)


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        (("port: 443", "port: 0"), "port: "),
        (("port: 443", "port: yes"), "port: "),
        (("port: 443", "port: 4.5"), "port: "),
        (("port: 443", "port: 65536"), "port: "),
        (("https://server.example", "server.example"), "server_url: "),
        (("https://server.example", "ftp://server.example"), "server_url: "),
        (("https://server.example", "http://a:5000"), "server_url: "),
        (("https://server.example", "7"), "server_url: "),
        (("/tasks", "tasks"), "task_dir: "),
        (("/tasks", "/"), "task_dir: "),
        (("/tasks", "/a/../b"), "task_dir: "),
        (("task_dir: /tasks\n", ""), "task_dir: is required"),
        (("type: csv", "type: CSV"), "databases[0].type: "),
        (("type: csv", "typo: csv"), "databases[0].type: is required"),
        (("label: default", "label: ../x"), "databases[0].label: "),
        (("label: default", "label: 7"), "databases[0].label: "),
        (("label: default", f"label: {'l' * 64}"), "databases[0].label: "),
        (("uri: /data/a.csv", "uri: http://host/a.csv"), "databases[0].uri: "),
        (("node_name: My node", "node_name: ''"), "kubernetes.node_name: "),
        (("node_name: My node", "namespace: V6"), "kubernetes.namespace: "),
        (("node_name: My node", "limits: {pull_seconds: 0}"), "kubernetes.limits.pull_seconds: "),
        (("node_name: My node", "limits: {run_seconds: '9'}"), "kubernetes.limits.run_seconds: "),
        (("node_name: My node", "limits: 7"), "kubernetes.limits: "),
        (("node_name: My node", "storage: {mode: nfs}"), "kubernetes.storage.mode: "),
        (("node_name: My node", "storage: {mode: pvc}"), "kubernetes.storage: "),
        (("node_name: My node", "log_tail_kilobytes: 0"), "kubernetes.log_tail_kilobytes: "),
        (("kubernetes:", "kubernets:"), "kubernets: unknown"),
        (("kubernetes:", "not_applied: [x]\nkubernetes:"), "not_applied: unknown"),
        (("kubernetes:", "policies: {allowed_users: [1]}\nkubernetes:"), "policies.allowed_users"),
    ],
)
def test_a_broken_rule_is_told_by_its_path(change, begins):
    assert change[0] in GOOD
    assert broken(GOOD.replace(*change)).startswith(begins)


def test_every_broken_rule_is_told_at_once():
    text = broken(GOOD.replace("443", "0").replace("/tasks", "tasks"))
    assert "port: " in text
    assert "task_dir: " in text


def test_a_label_given_twice_is_told():
    twice = GOOD.replace("kubernetes:", "  - {label: default, uri: /b, type: csv}\nkubernetes:")
    assert "default" in broken(twice)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (GOOD + "port: 1\n", "line 11: key `port` is given twice"),
        (GOOD + "  node_name: b\n", "line 11: key `node_name` is given twice"),
        (GOOD + "logging:\n\tlevel: INFO\n", "line 12: there is a tab"),
        (GOOD + "a: [1\n", "not YAML"),
        (GOOD + "a: 'x\n", "not YAML"),
        (GOOD + "a: !!python/object:os.system x\n", "not YAML"),
        (GOOD + "? [a, b]\n: 1\n", "line"),
        (GOOD + "7: 1\n", "7"),
        ("", "empty"),
        ("- a\n", "list"),
        ("text", "str"),
        ("\x01", "YAML"),
    ],
)
def test_what_is_no_configuration_file_is_told(text, part):
    assert part in broken(text)


@pytest.mark.parametrize(
    "value", ["2024-13-45", "!!int x", f"!!float {SECRET}", f"!!timestamp {SECRET}"]
)
def test_a_value_that_yaml_itself_cannot_read_is_told(value):
    assert broken(GOOD + f"api_path: {value}\n")


@given(st.text())
def test_any_text_is_a_configuration_or_an_error(text):
    with contextlib.suppress(ConfigError):
        parse_config(text, {})


@given(st.dictionaries(st.sampled_from(["port", "databases", "kubernetes", "policies", "x"]), JSON))
def test_any_value_is_good_or_an_error(values):
    told = ""
    try:
        NodeConfig(**{"server_url": "http://a", "task_dir": "/t"} | values)
    except ValidationError as error:
        told = explain(error)
    assert len(told) < 3000


def test_a_file_is_named_in_its_errors(tmp_path):
    path = tmp_path / "node.yaml"
    with pytest.raises(ConfigError, match=r"node\.yaml: there is no such file"):
        load_config(path)
    path.write_text("port: [")
    with pytest.raises(ConfigError, match=r"node\.yaml: line 1"):
        load_config(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"node\.yaml: cannot be read as UTF-8"):
        load_config(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(Path(tmp_path))


@given(st.text())
def test_a_path_is_absolute_or_refused(text):
    try:
        path = absolute_path(text)
    except ValueError:
        return
    assert path.startswith("/")
    assert ".." not in path.split("/")


def test_a_database_outside_the_claim_is_refused():
    claims = "storage: {mode: pvc, claim: a, databases_claim: b, databases_root: /databases}"
    assert "databases" in broken(GOOD.replace("node_name: My node", claims))


def test_a_server_below_a_path_keeps_its_port_with_its_host():
    config = parse_config(GOOD.replace("https://server.example", "https://server.example/v6"), {})
    assert config.server_address.startswith("https://server.example:443")
