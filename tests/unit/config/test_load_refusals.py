"""A configuration that is not good is refused, with every broken rule and its key."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_file import GOOD, SECRET
from pydantic import ValidationError

from node_poc.config.explain import explain
from node_poc.config.load import ConfigError, load_config, parse_config
from node_poc.config.model import NodeConfig, absolute_path
from tests.fakes.examples import JSON


def broken(text):
    with pytest.raises(ConfigError) as caught:
        parse_config(text, {})
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "key", ["a b", "'a\tb'", "clé", "<your api key>", "${V6_API_KEY}", "'   '"]
)
def test_what_can_be_no_api_key_is_refused(key):
    told = broken(
        GOOD.replace(f"api_key: {SECRET}", f"api_key: {key}") + "  server_kind: vantage6\n"
    )
    assert told.startswith("api_key: ")
    assert "at the server" in told or "V6_API_KEY" in told


@pytest.mark.parametrize("path", ["/", "//", "/.", "///", "/./"])
def test_the_root_folder_is_refused_in_every_spelling(path):
    assert broken(GOOD.replace("/tasks", path)).startswith("task_dir: ")


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
        (("https://server.example", "http://2001:db8::1"), "server_url: "),
        (("https://server.example", "http://[2001:db8::1]:80"), "server_url: "),
        (("https://server.example", "http://[server.example]"), "server_url: "),
        (("/tasks", "tasks"), "task_dir: "),
        (("/tasks", "/"), "task_dir: "),
        (("/tasks", "/a/../b"), "task_dir: "),
        (("task_dir: /tasks\n", ""), "task_dir: is required"),
        (("type: csv", "type: xls"), "databases[0].type: "),
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
        (("node_name: My node", "node_cpu_request: 1500m"), "kubernetes.node_cpu_request: "),
        (("kubernetes:", "kubernets:"), "kubernets: unknown"),
        (("kubernetes:", "not_applied: [x]\nkubernetes:"), "not_applied: unknown"),
        (("kubernetes:", "policies: {allowed_user: [1]}\nkubernetes:"), "policies.allowed_user: "),
        (("kubernetes:", "policies: {allowed_users: []}\nkubernetes:"), "policies.allowed_users"),
        (
            ("kubernetes:", "policies: {allowed_algorithms: ['a(']}\nkubernetes:"),
            "policies.allowed_algorithms: 'a(' is no regular expression",
        ),
        (
            ("kubernetes:", "policies: {allowed_algorithms: ['a{1000}']}\nkubernetes:"),
            "policies.allowed_algorithms: 'a{1000}' is too large",
        ),
        (
            ("kubernetes:", f"policies: {{allowed_algorithms: ['{'(' * 1001}']}}\nkubernetes:"),
            "policies.allowed_algorithms: '((((",
        ),
        (("kubernetes:", "algorithm_env: {a-b: 1}\nkubernetes:"), "algorithm_env: 'a-b' is no"),
        (("kubernetes:", "algorithm_env: {PKG_NAME: 1}\nkubernetes:"), "algorithm_env: PKG_NAME"),
        (("kubernetes:", "algorithm_env: {A: [1]}\nkubernetes:"), "algorithm_env.A: "),
        (("kubernetes:", "whitelist: {ips: [host]}\nkubernetes:"), "whitelist.ips: "),
        (("node_name: My node", "server_kind: other"), "kubernetes.server_kind: "),
        ((f"api_key: {SECRET}", "x: 1"), "x: unknown"),
    ],
)
def test_a_broken_rule_is_told_by_its_path(change, begins):
    assert change[0] in GOOD
    assert broken(GOOD.replace(*change)).startswith(begins)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("kubernetes:", "polices: {}\nkubernetes:"), "polices"),
        (("kubernetes:", "policies: {allowed_user: [1]}\nkubernetes:"), "policies.allowed_user"),
        (("type: csv", "type: csv\n    comment: x"), "databases[0].comment"),
    ],
)
def test_a_key_that_vantage6_would_ignore_is_refused_with_the_remedy(change, key):
    """Without the check, a misspelt ``policies`` would permit everything."""
    told = broken(GOOD.replace(*change))
    assert told.startswith(f"{key}: unknown")
    assert "vantage6 ignores such a key" in told
    assert "move it to its place, or remove it" in told


def test_a_missing_key_is_told_with_its_meaning():
    text = "{task_dir: /tasks, databases: [{label: a, type: csv}], docker_registries: [{}]}"
    with pytest.raises(ConfigError) as caught:
        parse_config(text, {})
    told = str(caught.value).split("; databases")
    assert told[0].startswith("server_url: is required; add it (`http://` or `https://` and a host")
    assert told[1].startswith("[0].uri: is required; add it (An absolute path, or the URI of a s")
    assert "docker_registries[0].password: is required; add it (Password or token at the" in told[1]


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
        (GOOD + "a: 'x\n", "line 11: a quotation mark"),
        (GOOD + "a: !!python/object:os.system x\n", "line 11: the value begins with"),
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
    with pytest.raises(ConfigError, match=r"node\.yaml: line 1: cannot be read as UTF-8"):
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


@pytest.mark.parametrize("character", ["\0", "\x1b", "\n", "\x7f", "\x85", "\u202e", "\u2066"])
def test_a_path_with_a_character_that_nobody_sees_is_refused(character):
    with pytest.raises(ValueError, match="without control characters"):
        absolute_path(f"/srv/{character}tasks")


def test_a_database_outside_the_claim_is_refused():
    claims = "storage: {mode: pvc, claim: a, databases_claim: b, databases_root: /databases}"
    assert "databases" in broken(GOOD.replace("node_name: My node", claims))


def test_a_vantage6_server_needs_an_api_key():
    text = GOOD.replace(f"api_key: {SECRET}\n", "") + "  server_kind: vantage6\n"
    assert broken(text).startswith("api_key: is required")
    assert parse_config(text, {"V6_API_KEY": "a"}).api_key == "a"
