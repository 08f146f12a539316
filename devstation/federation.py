"""Stations of a real vantage6 server on one cluster: organizations, data and nodes.

``make demo-vantage6``, the cluster tests and the bench each have a federation at a location of
their own.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devserver import DevServer, World, provision
from devstation.cluster import Cluster
from devstation.commands import ROOT, Tell, read, run
from devstation.example_data import deal
from devstation.location import Location
from devstation.readiness import wait_ready

_IMAGES = ("v6_federated_average", "v6_test_algorithm")
#: Little, to fit the nodes of several stations on one machine.
_CPU_REQUEST = "50m"


@dataclass(frozen=True)
class Vantage6Station:
    """One organization in one collaboration: vantage6 has a node for each pair."""

    collaboration: str
    organization: str

    @property
    def name(self) -> str:
        """Name of the station's node and of its folder."""
        return f"{self.collaboration}-{self.organization}"


#: Both organizations, without and with end-to-end encryption.
PLAIN = (Vantage6Station("plain", "alpha"), Vantage6Station("plain", "beta"))
ENCRYPTED = (Vantage6Station("encrypted", "alpha"), Vantage6Station("encrypted", "beta"))


class Federation:
    """A vantage6 server and its stations at one location."""

    def __init__(
        self, cluster: Cluster, location: Location, *, node_cpu_request: str = _CPU_REQUEST
    ) -> None:
        """Take the location; nothing starts before ``start_server``.

        Raises:
            StationError: this machine's address for pods is not known.
        """
        self.cluster = cluster
        self.location = location
        self.server = DevServer(location.home / "server", cluster.server_ip, location.port)
        self.world: World
        self._node_cpu_request = node_cpu_request

    def start_server(self, tell: Tell) -> None:
        """Start the vantage6 server, until this process ends, and make organizations and users."""
        self.location.home.mkdir(parents=True, exist_ok=True)
        self.server.start(tell=tell)
        self.world = provision(self.server)

    def leave_server(self) -> None:
        """Do the same as ``start_server``, with a server that outlives this process.

        Raises:
            StationError: the server did not start.
        """
        self.location.home.mkdir(parents=True, exist_ok=True)
        address = ["--ip", self.cluster.server_ip, "--port", str(self.location.port)]
        run([*self._devserver(), "up", *address])
        self.world = provision(self.server)

    def end_server(self) -> None:
        """End the server, started by this process or by another."""
        self.server.stop()
        if self.server.folder.exists():
            read([*self._devserver(), "down"])

    def _devserver(self) -> list[str]:
        return [sys.executable, "-m", "devserver", "--state", str(self.server.folder)]

    def folder(self, station: Vantage6Station) -> Path:
        """Return the folder of a station on the machine."""
        return self.location.home / station.name

    def tasks(self, station: Vantage6Station) -> Path:
        """Return the ``task_dir`` of a station's node."""
        return self.folder(station) / "tasks"

    def data_file(self, station: Vantage6Station) -> Path:
        """Return the station's csv database."""
        return self.folder(station) / "data" / "employees.csv"

    def place_data(self, stations: Sequence[Vantage6Station]) -> None:
        """Give each organization its part of the example data."""
        text = (ROOT / "csv" / "employees.csv").read_text(encoding="utf-8")
        names = sorted({station.organization for station in stations})
        parts = dict(zip(names, deal(text, len(names)), strict=True))
        for station in stations:
            path = self.data_file(station)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.tasks(station).mkdir(exist_ok=True)
            path.write_text(parts[station.organization], encoding="utf-8")

    def config(self, station: Vantage6Station) -> dict[str, Any]:
        """Return the node's configuration, as a data manager would write the file."""
        encrypted = station.collaboration == "encrypted"
        key = self.world.private_key(station.organization) if encrypted else None
        return {
            "api_key": self.world.node(station.collaboration, station.organization)["api_key"],
            "server_url": f"http://{self.cluster.server_ip}",
            "port": self.location.port,
            "api_path": "/api",
            "task_dir": str(self.tasks(station)),
            "databases": [{"label": "default", "uri": str(self.data_file(station)), "type": "csv"}],
            "encryption": {"enabled": encrypted, "private_key": str(key) if key else None},
            "policies": {"allowed_algorithms": [self.cluster.image(name) for name in _IMAGES]},
            "logging": {"level": "INFO"},
            "kubernetes": {
                "node_name": station.name,
                "namespace": self.location.namespace,
                "node_cpu_request": self._node_cpu_request,
            },
        }

    def manifests(self, station: Vantage6Station, config: dict[str, Any]) -> str:
        """Return the YAML of one station, rendered by the node's own command."""
        path = self.folder(station) / "node.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            yaml.safe_dump(config, file)
        image = self.cluster.node_image()
        command = [sys.executable, "-m", "node_poc", "render", "vantage6"]
        return read([*command, "--config", str(path), "--image", image])

    def deploy(self, station: Vantage6Station, config: dict[str, Any] | None = None) -> None:
        """Apply the objects of a station's node and proxy; ``wait_ready`` waits for both."""
        self.cluster.apply_text(self.manifests(station, config or self.config(station)))

    def wait_ready(self) -> None:
        """Wait until all nodes and proxies are ready. Raise StationError."""
        wait_ready(self.cluster, self.location.namespace)

    def remove(self) -> None:
        """Remove the nodes, their folders and the server."""
        self.end_server()
        self.cluster.delete_namespace(self.location.namespace)
        shutil.rmtree(self.location.home, ignore_errors=True)
