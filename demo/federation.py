"""Data stations of a real vantage6 server on one cluster: organizations, data and nodes.

``make demo-vantage6``, the cluster tests and the bench each use their own namespace and folder.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from demo.readiness import wait_ready
from demo.tools import ROOT, kubectl, read, run
from devserver import DevServer, World, provision

_WAIT = "--timeout=180s"
_IMAGES = ("v6_federated_average", "v6_test_algorithm")


@dataclass(frozen=True)
class DataStation:
    """One organization in one collaboration: vantage6 has a node for each pair."""

    collaboration: str
    organization: str

    @property
    def name(self) -> str:
        """Name of the data station's node and of its folder."""
        return f"{self.collaboration}-{self.organization}"


#: Both organizations, without and with end-to-end encryption.
PLAIN = (DataStation("plain", "alpha"), DataStation("plain", "beta"))
ENCRYPTED = (DataStation("encrypted", "alpha"), DataStation("encrypted", "beta"))


@dataclass(frozen=True)
class Ground:
    """The place of a federation. Two federations on one cluster share nothing.

    Attributes:
        home: folder of the machine, the same on all cluster nodes.
        server_ip: this machine's address for pods.
        registry: registry of the images in manifests.
        node_cpu_request: little, to fit the nodes of several data stations on one machine.
    """

    namespace: str
    home: Path
    server_ip: str
    port: int
    registry: str
    node_image: str = field(default="v6_node_poc")
    node_cpu_request: str = "50m"

    @property
    def address(self) -> str:
        """URL of the vantage6 server, without its port."""
        return f"http://{self.server_ip}"


class Federation:
    """The server and the data stations in one place."""

    def __init__(self, ground: Ground) -> None:
        """Take the place; nothing starts before ``start_server``."""
        self.ground = ground
        self.server = DevServer(ground.home / "server", ground.server_ip, ground.port)
        self.world: World

    def start_server(self, tell: Callable[[str], None]) -> None:
        """Start the vantage6 server, until this process ends, and make organizations and users."""
        self.ground.home.mkdir(parents=True, exist_ok=True)
        self.server.start(tell=tell)
        self.world = provision(self.server)

    def leave_server(self) -> None:
        """Do the same as ``start_server``, with a server that outlives this process.

        Raises:
            DemoError: the server did not start.
        """
        self.ground.home.mkdir(parents=True, exist_ok=True)
        address = ["--ip", self.ground.server_ip, "--port", str(self.ground.port)]
        run([*self._devserver(), "up", *address])
        self.world = provision(self.server)

    def end_server(self) -> None:
        """End the server, started by this process or by another."""
        self.server.stop()
        if self.server.folder.exists():
            read([*self._devserver(), "down"])

    def _devserver(self) -> list[str]:
        return [sys.executable, "-m", "devserver", "--state", str(self.server.folder)]

    def image(self, name: str) -> str:
        """Return an image's name for a task."""
        return f"{self.ground.registry}/{name}"

    def folder(self, station: DataStation) -> Path:
        """Return the folder of a data station on the machine."""
        return self.ground.home / station.name

    def data_file(self, station: DataStation) -> Path:
        """Return the data station's csv database."""
        return self.folder(station) / "data" / "employees.csv"

    def place_data(self, stations: Sequence[DataStation]) -> None:
        """Give each organization its part of the example data."""
        text = (ROOT / "csv" / "employees.csv").read_text(encoding="utf-8")
        names = sorted({station.organization for station in stations})
        parts = dict(zip(names, deal(text, len(names)), strict=True))
        for station in stations:
            path = self.data_file(station)
            path.parent.mkdir(parents=True, exist_ok=True)
            (self.folder(station) / "tasks").mkdir(exist_ok=True)
            path.write_text(parts[station.organization], encoding="utf-8")

    def config(self, station: DataStation) -> dict[str, Any]:
        """Return the node's configuration, as a data manager would write the file."""
        encrypted = station.collaboration == "encrypted"
        key = self.world.private_key(station.organization) if encrypted else None
        return {
            "api_key": self.world.node(station.collaboration, station.organization)["api_key"],
            "server_url": self.ground.address,
            "port": self.ground.port,
            "api_path": "/api",
            "task_dir": str(self.folder(station) / "tasks"),
            "databases": [{"label": "default", "uri": str(self.data_file(station)), "type": "csv"}],
            "encryption": {"enabled": encrypted, "private_key": str(key) if key else None},
            "policies": {"allowed_algorithms": [self.image(name) for name in _IMAGES]},
            "logging": {"level": "INFO"},
            "kubernetes": {
                "node_name": station.name,
                "namespace": self.ground.namespace,
                "node_cpu_request": self.ground.node_cpu_request,
            },
        }

    def manifests(self, station: DataStation, config: dict[str, Any]) -> str:
        """Return the YAML of one data station, rendered by the node's own command."""
        path = self.folder(station) / "node.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            yaml.safe_dump(config, file)
        image = self.image(self.ground.node_image)
        command = [sys.executable, "-m", "node_poc", "render", "vantage6"]
        return read([*command, "--config", str(path), "--image", image])

    def deploy(self, station: DataStation, config: dict[str, Any] | None = None) -> None:
        """Deploy a data station's node and proxy on the cluster; ``wait`` waits for both."""
        text = self.manifests(station, config or self.config(station))
        read(kubectl("apply", "-f", "-"), text_in=text)

    def wait(self) -> None:
        """Wait until all nodes and proxies are ready. Raise DemoError."""
        wait_ready(self.ground.namespace)

    def remove(self) -> None:
        """Remove the nodes, their folders and the server."""
        self.end_server()
        read(kubectl("delete", "namespace", self.ground.namespace, "--ignore-not-found", _WAIT))
        shutil.rmtree(self.ground.home, ignore_errors=True)
        with suppress(OSError):
            self.ground.home.parent.rmdir()


def deal(csv_text: str, hands: int) -> list[str]:
    """Deal the rows of a table with a header to ``hands`` tables, one by one, like cards."""
    header, *rows = csv.reader(io.StringIO(csv_text))
    parts = []
    for hand in range(hands):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([header, *rows[hand::hands]])
        parts.append(out.getvalue())
    return parts
