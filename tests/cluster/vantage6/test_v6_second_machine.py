"""A node on a cluster of two machines: the machine of its volumes is cordoned, then drained.

A data manager starts the node with ``v6-node``. Its volumes are folders of one machine
(local-path-provisioner).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.layout import Layout
from devstation import (
    PLAIN,
    ROOT,
    Cluster,
    Federation,
    Location,
    Vantage6Station,
    own_home,
    wait_for,
)
from node_poc.manifests.identity import LABEL_COMPONENT, LABEL_NODE, Identity
from tests.cluster.machines import FIRST, SECOND, cordoned, two_machines
from tests.cluster.station import no_self_test
from tests.cluster.vantage6.conftest import Asking
from tests.cluster.vantage6.installed import asking_as_admin, lone_server

pytestmark = [pytest.mark.dev_cluster, pytest.mark.alone]
PORT = 7660
HOME = own_home("machines-test")
STATION = PLAIN[0]
ALONE = "The data station lacks the machine with its files at the moment".lower()


@dataclass(frozen=True)
class Node:
    """A node with its file; ``at``: the organization."""

    cluster: Cluster
    file: Path
    at: tuple[str]

    @property
    def namespace(self) -> str:
        """The node's own namespace."""
        return f"v6-{self.file.stem}"

    @property
    def label(self) -> str:
        """The label of all its objects."""
        return f"{LABEL_NODE}={Identity(self.file.stem).node_label}"

    def run(self, command: str, *arguments: str, expect: int = 0) -> str:
        """Run ``v6-node``; return its output, both streams together."""
        done = self._call(command, *arguments)
        assert done.returncode == expect, done.stdout
        return done.stdout

    def says(self, text: str, command: str = "status") -> bool:
        """Return whether the output of a command has a text."""
        return text in self._call(command).stdout

    def _call(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        settings = self.cluster.settings
        variables = {name: settings[name] for name in ("KUBECONFIG",) if name in settings}
        code = "import sys; from node_poc.manage.cli import main; sys.exit(main(sys.argv[1:]))"
        return subprocess.run(
            [sys.executable, "-c", code, command, "--config", str(self.file), *arguments],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )

    def pod(self, component: str) -> dict[str, Any]:
        """Return the newest pod of a part without pods being deleted; empty without a pod."""
        select = ("-l", f"{self.label},{LABEL_COMPONENT}={component}")
        pods = self.cluster.get("pods", *select, namespace=self.namespace)
        present = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return max(present, key=lambda pod: pod["metadata"]["creationTimestamp"], default={})

    def machine_of(self, component: str) -> str | None:
        """Return the machine of a part's pod; None without a machine."""
        name: str | None = self.pod(component).get("spec", {}).get("nodeName")
        return name

    def log(self) -> str:
        """Return the node's own log."""
        return self.run("logs", "--lines", "2000")


@pytest.fixture(scope="module")
def layout() -> Iterator[Layout]:
    with two_machines() as made:
        yield made


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[Federation]:
    with lone_server(cluster, Location("v6-machines-test", HOME, PORT)) as made:
        yield made


@pytest.fixture(scope="module")
def asking(server: Federation) -> Iterator[Asking]:
    with asking_as_admin(server, "plain") as made:
        yield made


@contextmanager
def node_of(
    server: Federation, station: Vantage6Station, name: str, **storage: Any
) -> Iterator[Node]:
    """Yield a node with its file, not started; remove the node in the end."""
    server.place_data(PLAIN)
    config = server.config(station)
    no_self_test(config)
    config["kubernetes"] |= {
        "node_name": name,
        "namespace": f"v6-{name}",
        "node_image": server.cluster.image("v6_node_poc"),
        "storage": storage,
    }
    if storage:
        config["task_dir"] = "/tasks"
        config["databases"][0]["uri"] = "/databases/employees.csv"
    file = HOME / f"{name}.yaml"
    file.write_text(yaml.safe_dump(config))
    server.cluster.delete_namespace(f"v6-{name}")
    try:
        yield Node(server.cluster, file, (station.organization,))
    finally:
        server.cluster.delete_namespace(f"v6-{name}")


CLAIMS = {
    "mode": "pvc",
    "claim": "tasks",
    "size": "1Gi",
    "databases_claim": "data",
    "databases_size": "1Gi",
    "access_mode": "ReadWriteOnce",
}


@pytest.fixture(scope="module")
def in_claims(server: Federation, layout: Layout) -> Iterator[Node]:
    """Return a started node whose volumes are on the second machine."""
    with node_of(server, STATION, "machines-claims", **CLAIMS) as node:
        with cordoned(server.cluster, layout.node_name(FIRST)):
            node.run("start")
        _put_data(node, layout, server.data_file(STATION))
        yield node


def _put_data(node: Node, layout: Layout, file: Path) -> None:
    """Put a csv file into the claim of the databases, whose folder this machine sees."""
    path = ("-n", node.namespace, "get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}")
    volume = node.cluster.kubectl(*path)
    folder = layout.state_dir / "local-path" / f"{volume}_{node.namespace}_data"
    shutil.copy(file, folder / "employees.csv")


def drain(cluster: Cluster, node: Node, machine: str) -> None:
    """Drain a machine of the pods of one node, as an administrator drains it of all pods."""
    cluster.kubectl(
        *("drain", machine, f"--pod-selector={node.label}"),
        *("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s"),
    )


def going(asking: Asking, node: Node, machine: str) -> int:
    """Return a task whose run is active on a machine."""
    task = asking.post("sleep", at=node.at, seconds=600)
    wait_for(lambda: asking.client.runs(task)[0]["status"] == "active", "the run is active")
    (run,) = asking.client.runs(task)
    (pod,) = node.cluster.get(
        "pods", "-l", f"vantage6.ai/run-id={run['id']}", namespace=node.namespace
    )
    assert pod["spec"]["nodeName"] == machine
    return task


def log_of(asking: Asking, task: int) -> str:
    """Return the log of a task's only run, as the researcher reads the log."""
    return "".join(text or "" for text in asking.client.logs(task).values())


def test_with_claims_node_and_runs_wait_for_the_machine_of_their_volumes(
    in_claims: Node, asking: Asking, cluster: Cluster, layout: Layout
):
    node, (first, second) = in_claims, map(layout.node_name, (FIRST, SECOND))
    assert asking.ask("shape_of", "default", at=node.at)["rows"] > 0
    task = going(asking, node, second)
    with cordoned(cluster, second):
        waiting = asking.post("sleep", at=node.at, seconds=0)
        wait_for(lambda: ALONE in log_of(asking, waiting), "the researcher reads why it waits")
        assert "uncordon or repair it" in node.log()
        assert "online" in node.run("status")
        doctor = node.run("doctor", "--no-pods", expect=1)
        assert f"is on the machine {second} (cordoned)" in doctor
        drain(cluster, node, second)
        wait_for(lambda: node.says("its volume is on one machine: uncordon"), "status says why")
        wait_for(lambda: node.machine_of("proxy") == first, "the proxy moves")
        assert "node starting" in node.run("status", expect=3)
    end = asking.client.wait(task, timeout=120)
    assert end["status"] == "failed"
    # The node was drained as well, and the evicted pod is gone when the node is back.
    assert "it was removed at the data station before it had ended" in log_of(asking, task)
    assert asking.client.wait(waiting, timeout=120)["status"] == "completed"
    assert node.machine_of("node") == second
