"""A new data manager with the wheel alone: new, start, a task, edit, a mistake, two nodes, remove.

The wheel is installed into an empty environment, and the commands run outside of the repository.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstation import ROOT, Cluster, Federation, Location, own_home, wait_for
from tests.cluster.vantage6.conftest import Asking
from tests.cluster.vantage6.installed import (
    Command,
    asking_as_admin,
    change,
    install,
    lone_server,
    new_node,
)

NAMES = ("command-a", "command-b")
COLLABORATION = "plain"
PORT = 7658
ORGANIZATIONS = ("alpha", "beta")
HOME = own_home("command-test")
KINDS = "deployments,jobs,secrets,configmaps,networkpolicies,roles,rolebindings,serviceaccounts"


@pytest.fixture(scope="module")
def command(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Return the command of the wheel, installed where nothing else of the project is."""
    return install(cluster, tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[Federation]:
    with lone_server(cluster, Location("v6-command-test", HOME, PORT)) as made:
        yield made


@pytest.fixture(scope="module")
def asking(server: Federation) -> Iterator[Asking]:
    with asking_as_admin(server, COLLABORATION) as made:
        yield made


@pytest.fixture(scope="module")
def nodes(server: Federation, command: Command, cluster: Cluster) -> Iterator[list[list[str]]]:
    """Return the arguments of ``new`` for a node of each organization."""
    made = []
    for name, organization in zip(NAMES, ORGANIZATIONS, strict=True):
        key = command.home / f"{name}.key"
        key.write_text(server.world.node(COLLABORATION, organization)["api_key"])
        made.append(_new(server, cluster, name, key))
    yield made
    for name in NAMES:
        cluster.delete_namespace(f"v6-{name}", wait=False)


def _new(server: Federation, cluster: Cluster, name: str, key: Path) -> list[str]:
    data = HOME / name / "data" / "employees.csv"
    data.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "csv" / "employees.csv", data)
    folders = ("--task-dir", str(HOME / name / "tasks"), "--database", f"default=csv:{data}")
    return [*new_node(server, name, key), *folders]


def test_a_data_manager_runs_two_nodes(asking, command, nodes, cluster):
    first, second = NAMES
    began = time.monotonic()
    command.run(*nodes[0])
    assert command.file(first).stat().st_mode & 0o777 == 0o600
    assert "is there already" in command.run(*nodes[0], expect=2)
    change(command.file(first), node_cpu_request="50m", walls={"self_test_hours": None})
    assert "would be created" in command.run("start", "--name", first, "--dry-run")
    assert "is online at" in command.run("start", "--name", first)
    assert asking.ask("echo", "default", value=7) == 7
    print(f"from new to the result: {time.monotonic() - began:.0f} s")

    _stops_and_starts(command, first, cluster)
    _puts_back(command, first, asking)

    command.run(*nodes[1])
    change(command.file(second), node_cpu_request="50m", walls={"self_test_hours": None})
    command.run("start", "--name", second)
    assert asking.ask("echo", "default", at=("beta",), value=8) == 8
    wait_for(lambda: _is_idle(command), "Kubernetes' word that no run is in flight", 30)
    listed = _listed(command)
    for name, organization in zip(NAMES, ORGANIZATIONS, strict=True):
        row = listed[name]
        assert (row["state"], row["collaboration"]) == ("online", COLLABORATION)
        assert row["organization"] == organization

    for name in NAMES:
        assert "is running" in command.run("remove", "--name", name, "--yes", expect=1)
        command.run("stop", "--name", name)
        command.run("remove", "--name", name, "--yes")
        assert not command.file(name).exists()
    _left_nothing(cluster)


def _listed(command: Command) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(command.run("list", "-o", "json"))}


def _is_idle(command: Command) -> bool:
    """Return whether the Jobs of both nodes have ended, which Kubernetes notes a moment later."""
    return [_listed(command)[name]["runs_in_flight"] for name in NAMES] == [0, 0]


def _stops_and_starts(command: Command, name: str, cluster: Cluster) -> None:
    """Stop, edit, start: what the file asks for no more is removed."""
    assert "no run is in flight" in command.run("stop", "--name", name)
    assert "stopped" in command.run("status", "--name", name, expect=3)
    path = command.file(name)
    config = yaml.safe_load(path.read_text())
    config["node_extra_env"] = {"SITE": "secret of the site"}
    path.write_text(yaml.safe_dump(config))
    different = command.run("diff", "--name", name, expect=1)
    assert "extra-env" in different
    assert config["api_key"] not in different
    assert "secret of the site" not in different
    command.run("start", "--name", name)
    command.run("diff", "--name", name)
    del config["node_extra_env"]
    path.write_text(yaml.safe_dump(config))
    assert "does not ask for it any more" in command.run("start", "--name", name)
    secrets = cluster.get("secrets", namespace=f"v6-{name}")
    assert not any("extra-env" in each["metadata"]["name"] for each in secrets)
    assert "online" in command.run("status", "--name", name)
    assert json.loads(command.run("version", "--name", name))["node"]
    assert "node starts" in command.run("logs", "--name", name)


def _puts_back(command: Command, name: str, asking: Asking) -> None:
    """A broken configuration is told with its cause, and the former configuration works again."""
    path = command.file(name)
    good = path.read_text()
    change(path, node_image=asking.federation.cluster.image("no_such_image"))
    told = command.run("start", "--name", name, expect=1)
    assert "ImagePull" in told
    assert "the former configuration is put back" in told
    assert "online again" in told
    path.write_text(good)
    command.run("diff", "--name", name)
    assert asking.ask("echo", "default", value=7) == 7
    change(path, storage={"mode": "no such mode"})
    assert "kubernetes.storage.mode" in command.run("start", "--name", name, expect=2)
    path.write_text(good)


def _left_nothing(cluster: Cluster) -> None:
    for name in NAMES:
        found = cluster.kubectl("get", "namespace", f"v6-{name}", "--ignore-not-found")
        assert found.strip() == ""
    policies = "validatingadmissionpolicies,validatingadmissionpolicybindings"
    for name in NAMES:
        selector = f"vantage6.ai/namespace=v6-{name}"
        assert cluster.kubectl("get", policies, "-l", selector, "-o", "name").strip() == ""
