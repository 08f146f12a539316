"""Data stations of a real vantage6 server on one cluster: who there is, their data, their nodes.

Used by ``make demo-vantage6``, by the cluster tests and by the bench, each in a namespace and a
folder of its own.
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
    """One organization in one collaboration: vantage6 has a node for each such pair."""

    collaboration: str
    organization: str

    @property
    def name(self) -> str:
        """Name of its node and of its folder."""
        return f"{self.collaboration}-{self.organization}"


#: Both organizations, without and with end-to-end encryption.
PLAIN = (DataStation("plain", "alpha"), DataStation("plain", "beta"))
ENCRYPTED = (DataStation("encrypted", "alpha"), DataStation("encrypted", "beta"))


@dataclass(frozen=True)
class Ground:
    """Where a federation lies. Two of them on one cluster do not meet.

    ``home``: folder of the machine, the same on all cluster nodes; ``server_ip``: this machine's
    address as pods reach it; ``registry``: of the images, as the cluster names it;
    ``node_cpu_request``: little, so that the nodes of several data stations fit on one machine.
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
    """The server and the data stations on one ground."""

    def __init__(self, ground: Ground) -> None:
        """Nothing happens before ``start_server``."""
        self.ground = ground
        self.server = DevServer(ground.home / "server", ground.server_ip, ground.port)
        self.world: World

    def start_server(self, tell: Callable[[str], None]) -> None:
        """Start the vantage6 server, until this process ends, and make who there is on it."""
        self.ground.home.mkdir(parents=True, exist_ok=True)
        self.server.start(tell=tell)
        self.world = provision(self.server)

    def leave_server(self) -> None:
        """The same with a server that goes on when this process has ended; raises DemoError."""
        self.ground.home.mkdir(parents=True, exist_ok=True)
        address = ["--ip", self.ground.server_ip, "--port", str(self.ground.port)]
        run([*self._devserver(), "up", *address])
        self.world = provision(self.server)

    def end_server(self) -> None:
        """End the server, whoever started it."""
        self.server.stop()
        if self.server.folder.exists():
            read([*self._devserver(), "down"])

    def _devserver(self) -> list[str]:
        return [sys.executable, "-m", "devserver", "--state", str(self.server.folder)]

    def image(self, name: str) -> str:
        """An image's name as a task gives it."""
        return f"{self.ground.registry}/{name}"

    def folder(self, station: DataStation) -> Path:
        """What lies on the machine of a data station."""
        return self.ground.home / station.name

    def data_file(self, station: DataStation) -> Path:
        """The data station's csv database."""
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
        """The node's configuration, as a data manager would write it."""
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
        """The YAML of one data station, made by the node's own command."""
        path = self.folder(station) / "node.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            yaml.safe_dump(config, file)
        image = self.image(self.ground.node_image)
        command = [sys.executable, "-m", "node_poc", "render", "vantage6"]
        return read([*command, "--config", str(path), "--image", image])

    def deploy(self, station: DataStation, config: dict[str, Any] | None = None) -> None:
        """Bring a data station's node and proxy onto the cluster; ``wait`` waits for them."""
        text = self.manifests(station, config or self.config(station))
        read(kubectl("apply", "-f", "-"), text_in=text)

    def wait(self) -> None:
        """Wait until all nodes and proxies are ready. Raises DemoError."""
        wait_ready(self.ground.namespace)

    def remove(self) -> None:
        """Take the nodes, their folders and the server away."""
        self.end_server()
        read(kubectl("delete", "namespace", self.ground.namespace, "--ignore-not-found", _WAIT))
        shutil.rmtree(self.ground.home, ignore_errors=True)
        with suppress(OSError):
            self.ground.home.parent.rmdir()


def deal(csv_text: str, hands: int) -> list[str]:
    """Deal the rows of a table with a header to so many tables, one by one, as cards."""
    header, *rows = csv.reader(io.StringIO(csv_text))
    parts = []
    for hand in range(hands):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([header, *rows[hand::hands]])
        parts.append(out.getvalue())
    return parts
