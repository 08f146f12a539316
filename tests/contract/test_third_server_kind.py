"""A third server kind: a line in the registry, and no other change in the node."""

import threading

import pytest
import yaml

from node_poc.cli import main
from node_poc.config.kinds.registry import KINDS
from node_poc.config.load import ConfigError, load_config, parse_config
from node_poc.manifests.identity import Identity
from node_poc.node import Node
from node_poc.runs.model import RunSpec
from node_poc.runs.status import RunStatus
from tests.fakes.station import eventually
from tests.fakes.third_server import NODE_NAME, THIRD, ThirdServer
from tests.fakes.walls import put_up_walls


@pytest.fixture(autouse=True)
def third(monkeypatch):
    """Register the kind, by a single line."""
    monkeypatch.setitem(KINDS, THIRD.name, THIRD)


@pytest.fixture
def path(station):
    """The file of a node of the third kind."""
    path = station.write_config()
    data = yaml.safe_load(path.read_text())
    data["kubernetes"] = {"server_kind": "third", "walls": {"self_test_hours": None}}
    data |= {
        "port": 5000,
        "share_config": True,
        "policies": {"allowed_algorithms": ["registry.example/good"]},
    }
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.fixture
def node(station, path):
    """A running node whose server is of the third kind."""
    made = Node(
        put_up_walls(station.api, path), None, threading.Event(), context=None, health_port=0
    )
    made.start()
    eventually(made._is_ready, "a ready node")
    yield made
    made.stop()


def test_its_file_loads_with_its_defaults_and_its_keys_without_effect(path):
    config = load_config(path, {})
    assert config.kind is THIRD
    assert config.kubernetes.node_name == NODE_NAME
    told = {item.key: item.reason for item in config.not_applied}
    assert told["share_config"] == "nothing is asked"
    assert told["databases[0].label"] == "no label is told"


def test_its_rules_hold(path):
    text = "server_url: https://server.example\ntask_dir: /tasks\nkubernetes: {server_kind: third}"
    with pytest.raises(ConfigError, match="port: is required by the third server"):
        parse_config(text, {})


def test_an_unknown_kind_is_refused_with_the_names_of_all_kinds():
    text = "server_url: https://a.example\ntask_dir: /tasks\nkubernetes: {server_kind: another}"
    with pytest.raises(ConfigError) as told:
        parse_config(text, {})
    assert "kubernetes.server_kind: must be 'dummy' or 'vantage6' or 'third'" in str(told.value)


def test_check_tells_its_doubts_and_dangers_and_asks_its_server(path, capsys):
    assert main(["check", "--elsewhere", "--online", "--config", str(path)]) == 0
    out = capsys.readouterr().out
    assert "warning: server_url: in doubt" in out
    assert "warning: port: in danger" in out
    assert "warning: asked: online" in out
    assert f"the third server knows {NODE_NAME}" in out
    assert "the server is told of" not in out


def test_render_makes_its_objects(path, capsys):
    assert main(["render", "vantage6", "--config", str(path), "--image", "registry/node:1"]) == 0
    made = [each for each in yaml.safe_load_all(capsys.readouterr().out) if each]
    names = {each["metadata"]["name"] for each in made if each["kind"] == "Deployment"}
    assert names == {Identity(NODE_NAME).node_label, "v6proxy"}
    assert {"Secret", "NetworkPolicy"} <= {each["kind"] for each in made}
    assert main(["render", "config-map", "--config", str(path)]) == 2
    assert "the file of a third node" in capsys.readouterr().err


def test_a_node_runs_what_its_server_asks_for_and_delivers_the_result(node, station):
    server = node._server
    assert isinstance(server, ThirdServer)
    refused = server.control.run(RunSpec(7, "registry.example/bad"))
    assert "allowed_algorithms" in refused.reason
    assert server.control.run(RunSpec(8, "registry.example/good")).accepted
    station.job_arrives(8)
    station.api.kubelet.starts(8)
    eventually(lambda: (8, "active") in server.statuses)
    station.api.kubelet.ends(8)
    assert eventually(lambda: server.results.get(8)).status is RunStatus.COMPLETED
