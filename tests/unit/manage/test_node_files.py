"""Configuration files lie where `v6 node` has them, and are changed without losing a comment."""

import pytest
import yaml

from node_poc.config.errors import ConfigError
from node_poc.manage.files import NoSuchNodeError, Place, find_file, place
from node_poc.manage.station_file import choose, complete, namespace_of
from node_poc.manage.yaml_edit import with_value

DOCKER_FILE = """\
# of our Docker node
api_key: 11111111-2222-3333-4444-555555555555
server_url: https://server.example
port: 443
api_path: /api
task_dir: /srv/v6/tasks
databases: []
vpn_subnet: 10.76.0.0/16
"""


@pytest.fixture
def where(tmp_path):
    return Place(tmp_path, is_system=False)


@pytest.mark.parametrize("name", ["", "a b", "../a", "a/b", "ä"])
def test_names_follow_the_rule_of_vantage6(where, name):
    with pytest.raises(NoSuchNodeError, match="no name of a node"):
        where.file(name)


def test_a_file_is_found_by_its_name_and_the_only_one_without(where):
    with pytest.raises(NoSuchNodeError, match="no file yet"):
        find_file(None, None, where)
    where.file("hospital-a").write_text(DOCKER_FILE)
    assert find_file(None, None, where) == find_file("hospital-a", None, where)
    where.file("B.2_x").write_text(DOCKER_FILE)
    with pytest.raises(NoSuchNodeError, match=r"which node\?.*B\.2_x, hospital-a"):
        find_file(None, None, where)
    with pytest.raises(NoSuchNodeError, match=r"there is no .*c\.yaml"):
        find_file("c", None, where)


def test_folders_are_those_of_vantage6(tmp_path):
    user = place(is_system=False, environment={"XDG_CONFIG_HOME": str(tmp_path)})
    assert str(place(is_system=True).folder) == "/etc/vantage6/node"
    assert user.folder.parts[-2:] == ("vantage6", "node")


def test_a_docker_nodes_file_gets_a_name_a_namespace_and_an_image(where):
    path = where.file("Hospital_A")
    path.write_text(DOCKER_FILE)
    chosen = choose(path, image="registry.example/node:1", environment={})
    assert chosen.config.kubernetes.node_name == "Hospital_A"
    assert chosen.namespace == "v6-hospital-a"
    written = yaml.safe_load(chosen.text)["kubernetes"]
    assert written == {
        "node_name": "Hospital_A",
        "namespace": "v6-hospital-a",
        "node_image": "registry.example/node:1",
    }
    assert [each.key for each in chosen.config.not_applied] == ["vpn_subnet"]
    assert path.read_text() == DOCKER_FILE


def test_a_whole_file_reaches_the_cluster_as_it_is_with_its_comments(where):
    text = f"{DOCKER_FILE}kubernetes: {{node_name: a, namespace: b, node_image: c}} # ours\n"
    path = where.file("hospital-a")
    path.write_text(text)
    assert choose(path, environment={}).text == text


def test_options_win_over_the_file():
    given = complete(
        {"kubernetes": {"namespace": "file", "node_image": "file"}},
        "n",
        namespace="option",
        image=None,
    )
    assert given["kubernetes"] == {"node_name": "n", "namespace": "option", "node_image": "file"}


def test_a_section_of_a_wrong_type_is_left_for_the_model_to_tell(where):
    path = where.file("a")
    path.write_text(f"{DOCKER_FILE}kubernetes: [a]\n")
    with pytest.raises(ConfigError, match="kubernetes"):
        choose(path, environment={})


@pytest.mark.parametrize(
    ("name", "namespace"), [("A.b_c", "v6-a-b-c"), ("___", "v6-node"), ("x" * 90, "v6-" + "x" * 60)]
)
def test_a_namespace_is_a_dns_label(name, namespace):
    assert namespace_of(name) == namespace


def test_a_key_is_set_and_everything_else_stays():
    changed = with_value(DOCKER_FILE, "api_key", "new")
    assert changed == DOCKER_FILE.replace("11111111-2222-3333-4444-555555555555", '"new"')


def test_a_block_is_replaced_without_the_comment_behind():
    text = "encryption:\n  enabled: false\n  private_key:\n# next\nport: 1\n"
    changed = with_value(text, "encryption", {"enabled": True, "private_key": "k.pem"})
    assert "# next\nport: 1\n" in changed
    assert yaml.safe_load(changed)["encryption"] == {"enabled": True, "private_key": "k.pem"}


def test_a_missing_key_is_added_at_the_end():
    assert with_value("port: 1", "api_key", "k") == 'port: 1\napi_key: "k"\n'
