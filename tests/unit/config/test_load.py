"""A good configuration: its values, and the values of environment variables and files."""

import pytest
import yaml
from node_file import GOOD, SECRET

from node_poc.config.load import ConfigError, load_config, overriding, parse_config
from node_poc.config.model import absolute_path


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


def test_blanks_around_the_api_key_are_not_part_of_it():
    quoted = GOOD.replace(f"api_key: {SECRET}", f'api_key: " {SECRET}\\n"')
    assert quoted != GOOD
    assert parse_config(quoted, {}).api_key == SECRET
    assert parse_config(quoted, {}) == parse_config(GOOD, {})
    assert parse_config(GOOD, {"V6_API_KEY": "other \r\n"}).api_key == "other"


def test_two_slashes_are_one():
    assert parse_config(GOOD.replace("/tasks", "//tasks//"), {}).task_dir == "/tasks"


def test_a_server_without_a_port():
    assert parse_config(GOOD.replace("port: 443\n", ""), {}).server_address.endswith(".example")


def test_the_api_key_may_lie_in_a_file(tmp_path):
    path, key = tmp_path / "node.yaml", tmp_path / "key"
    path.write_text(GOOD)
    key.write_text("other\n")
    assert load_config(path, {"V6_API_KEY_FILE": str(key)}).api_key == "other"
    assert load_config(path, {"V6_API_KEY_FILE": str(key), "V6_API_KEY": "mine"}).api_key == "mine"
    with pytest.raises(ConfigError, match="V6_API_KEY_FILE: "):
        load_config(path, {"V6_API_KEY_FILE": str(tmp_path / "none")})


def test_the_environment_gives_the_private_key_and_a_database():
    text = GOOD + "encryption: {enabled: true, private_key: mine.pem}\n"
    environment = {"PRIVATE_KEY": "/keys/a.pem", "DEFAULT_DATABASE_URI": "/data/b.csv"}
    config = parse_config(text, environment)
    assert config.encryption.key_file == "/keys/a.pem"
    assert config.database("default").path == "/data/b.csv"
    assert parse_config(text, {}).encryption.key_file == "mine.pem"
    assert parse_config(GOOD, {}).encryption.key_file == "private_key.pem"
    assert parse_config(GOOD, {"PRIVATE_KEY": "/keys/a.pem"}).encryption.enabled is False


def test_the_environment_gives_the_image_of_the_gate_and_the_certificates():
    environment = {"V6_NODE_IMAGE": "registry.example/node:1", "V6_CA_FILE": "/ca.pem"}
    kubernetes = parse_config(GOOD, environment).kubernetes
    assert (kubernetes.node_image, kubernetes.ca_file) == ("registry.example/node:1", "/ca.pem")


def test_every_variable_that_would_override_the_file_is_known():
    assert overriding(yaml.safe_load(GOOD)) == ["V6_API_KEY", "PRIVATE_KEY", "DEFAULT_DATABASE_URI"]
    assert overriding({"databases": [7, {"label": 8}]}) == ["V6_API_KEY", "PRIVATE_KEY"]


def test_an_api_key_means_a_vantage6_server():
    config = parse_config(GOOD, {})
    assert config.kubernetes.server_kind == "vantage6"
    assert config.api_path == "/api"
    assert config.kubernetes.proxy.host_name == "proxyserver"
    assert config.kubernetes.proxy.service.startswith("v6proxy-")
    without = parse_config(GOOD.replace(f"api_key: {SECRET}\n", ""), {})
    assert without.kubernetes.server_kind == "dummy"
    assert without.api_path == ""
    assert without.kubernetes.proxy.service == "v6proxy"
    dummy = parse_config(GOOD + "  server_kind: dummy\n", {})
    assert dummy.kubernetes.server_kind == "dummy"


def test_nodes_that_say_nothing_of_kubernetes_have_names_of_their_own():
    text = GOOD.partition("kubernetes:")[0]
    one, two = (parse_config(text, {"V6_API_KEY": key}).kubernetes for key in ("a", "b"))
    assert one.node_name != two.node_name
    assert one.proxy.service != two.proxy.service
    assert SECRET not in parse_config(text, {}).kubernetes.node_name


@pytest.mark.parametrize("path", ["/srv/données", "/srv/患者 1", "/srv/a\u200cb"])
def test_a_path_in_any_language_is_taken(path):
    assert absolute_path(path) == path


def test_a_server_below_a_path_keeps_its_port_with_its_host():
    config = parse_config(GOOD.replace("https://server.example", "https://server.example/v6"), {})
    assert config.server_address.startswith("https://server.example:443")
