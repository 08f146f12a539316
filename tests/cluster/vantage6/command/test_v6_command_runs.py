"""Runs outlive ``stop`` and ``restart``, and ``start`` takes over a node made by ``kubectl``."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstation import ROOT, Cluster, wait_for
from node_poc import __version__
from node_poc.manage.owned import LAST_APPLIED
from tests.cluster.vantage6.command.conftest import HOME
from tests.cluster.vantage6.installed import Command, node_file

NAME = "command-runs"
NAMESPACE = f"v6-{NAME}"
SECONDS = 45
NODE = "app.kubernetes.io/component=node"


@pytest.fixture
def node(server, command, key) -> Iterator[Path]:
    """Make a node's file, with folders of the machine; return the file."""
    data = HOME / NAME / "data" / "employees.csv"
    data.parent.mkdir(parents=True)
    shutil.copy(ROOT / "csv" / "employees.csv", data)
    folders = ("--task-dir", str(HOME / NAME / "tasks"), "--database", f"default=csv:{data}")
    with node_file(server, command, NAME, key, *folders) as path:
        yield path


def test_a_run_outlives_stop_start_and_restart(asking, command, node, cluster):
    _applied_by_kubectl_is_taken_over(command, node, cluster)

    task = asking.post("sleep", "default", seconds=SECONDS)
    wait_for(lambda: _statuses(asking, task) == {"active"}, "the run is active")
    assert "1 run goes on in the cluster, with the proxy" in command.run("stop", "--name", NAME)
    (row,) = _listed(command)
    assert (row["state"], row["runs_in_flight"]) == ("stopped", 1)
    assert _statuses(asking, task) == {"active"}, "what the researcher sees meanwhile"
    assert "has 1 runs in flight" in command.run("remove", "--name", NAME, "--yes", expect=1)

    assert "is online at" in command.run("start", "--name", NAME)
    (row,) = _listed(command)
    assert (row["state"], row["version"]) == ("online", __version__)
    _attaches_and_detaches(command)
    before = _node_pod(cluster)
    assert "is online at" in command.run("restart", "--name", NAME)
    assert _node_pod(cluster) != before
    assert asking.client.wait(task, timeout=120)["status"] == "completed"
    assert [json.loads(each) for each in asking.client.results(task)] == ["slept"]

    wait_for(lambda: _listed(command)[0]["runs_in_flight"] == 0, "the run's Job has ended")
    command.run("stop", "--name", NAME)
    command.run("remove", "--name", NAME, "--yes")
    assert cluster.get("pods", namespace=NAMESPACE) == []


def _applied_by_kubectl_is_taken_over(command: Command, path: Path, cluster: Cluster) -> None:
    """Fields that the file asks for no more go, although ``kubectl apply`` had set them."""
    config = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(config | {"node_extra_env": {"SITE": "first"}}))
    python = command.program.parent / "python"
    rendered = command.run_program(python, "-m", "node_poc", "render", "vantage6", "--config", path)
    cluster.apply_text(rendered)
    path.write_text(yaml.safe_dump(config))
    told = command.run("start", "--name", NAME)
    assert "taken over from kubectl apply" in told
    assert "does not ask for it any more" in told
    assert "is online at" in told
    (deployment,) = cluster.get("deployments", "-l", NODE, namespace=NAMESPACE)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert "SITE" not in {each["name"] for each in container["env"]}
    for secret in cluster.get("secrets", namespace=NAMESPACE):
        assert LAST_APPLIED not in secret["metadata"].get("annotations", {})
    assert "taken over" not in command.run("start", "--name", NAME)


def _attaches_and_detaches(command: Command) -> None:
    """``attach`` shows the log, and Ctrl-C leaves the node running."""
    with command.start(command.program, "attach", "--name", NAME) as attached:
        assert attached.stdout is not None
        for line in attached.stdout:
            if "node starts" in line:
                break
        attached.send_signal(signal.SIGINT)
        rest = attached.stdout.read()
        assert attached.wait(timeout=30) == 0
    assert "detached" in rest
    assert "online" in command.run("status", "--name", NAME)


def _statuses(asking: Any, task: int) -> set[str]:
    return {run["status"] for run in asking.client.runs(task)}


def _listed(command: Command) -> list[dict[str, Any]]:
    rows = json.loads(command.run("list", "-o", "json"))
    return [row for row in rows if row["name"] == NAME]


def _node_pod(cluster: Cluster) -> str:
    pods = cluster.get("pods", "-l", NODE, namespace=NAMESPACE)
    (name,) = (each["metadata"]["name"] for each in pods if each["status"]["phase"] == "Running")
    return str(name)
