"""A station with the dummy server, made from the YAML files that users apply."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from devstation.cluster import Cluster, Object
from devstation.commands import ROOT
from devstation.dummy_server import DummyServer
from devstation.errors import StationError
from devstation.location import Location
from devstation.readiness import wait_ready
from devstation.storage import Claims
from devstation.users_files import ChangeConfig, users_objects
from devstation.waiting import PATIENCE_SECONDS

sys.path.insert(0, str(ROOT / "dummy_socketio_server"))

from emitter_client import EmitterClient, Event  # found by the line above

# The kinds of objects that follow the node's configuration.
_OF_THE_CONFIG = (
    "ConfigMap",
    "NetworkPolicy",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


def unchanged(_: dict[str, Any]) -> None:
    """Leave a node's configuration as it is."""


class DummyStation:
    """A node and a proxy on the cluster, their folders on the machine, and a dummy server."""

    def __init__(
        self,
        cluster: Cluster,
        location: Location,
        server: DummyServer,
        change: ChangeConfig = unchanged,
        *,
        in_claims: bool = False,
    ) -> None:
        """Take the parts; nothing is made before ``set_up``.

        Args:
            cluster: where node and proxy run.
            location: namespace, folder and port of the station.
            server: the station's server, at the location's port.
            change: changes the node's configuration.
            in_claims: whether the station's folders are volume claims for node and algorithms.
        """
        self.cluster = cluster
        self.location = location
        self.server = server
        self._change = change
        folders = (self.tasks, self.data)
        self._claims = Claims(location.namespace, "v6", *folders) if in_claims else None

    @property
    def tasks(self) -> Path:
        """The node's ``task_dir``."""
        return self.location.home / "tasks"

    @property
    def data(self) -> Path:
        """The folder of the csv databases."""
        return self.location.home / "csv"

    def folders(self) -> list[Path]:
        """Return the folders of the machine that belong to the station."""
        return [self.tasks, self.data]

    def set_up(self) -> None:
        """Make folders, server, proxy and node anew; wait until the node is ready."""
        self.remove()
        self.make_folders()
        self.server.start()
        self.deploy()

    def make_folders(self) -> None:
        """Make missing folders, and put the example data there."""
        for folder in self.folders():
            folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "csv" / "employees.csv", self.data / "employees.csv")

    def deploy(self) -> None:
        """Apply the objects of node and proxy; return when both are ready. Raise StationError."""
        deployed = self.cluster.kubectl(
            *("get", "deployments", "-n", self.location.namespace),
            *("-o", "name", "--ignore-not-found"),
        )
        self.cluster.apply(*self.objects())
        if deployed.strip():  # only a new pod takes a new image under the old tag
            self.kubectl("rollout", "restart", "deployment")
        self.wait_ready()

    def reconfigure(self, change: ChangeConfig) -> None:
        """Give the node another configuration; return when the node uses it."""
        self._change = change
        self.cluster.apply(*(item for item in self.objects() if item["kind"] in _OF_THE_CONFIG))
        self.restart_node()

    def restart_node(self) -> None:
        """Replace the node's pod; return when the new pod is ready."""
        self.kubectl("rollout", "restart", "deployment/v6-node")
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until node and proxy are ready. Raise StationError with Kubernetes' reasons."""
        wait_ready(self.cluster, self.location.namespace, "v6proxy", "v6-node")

    def remove(self) -> None:
        """Remove the whole station, also a station that an earlier process left."""
        self.server.kill()
        self.cluster.delete_namespace(self.location.namespace)
        if self._claims:
            self.cluster.delete(*self._claims.volumes())
        self.remove_folders()

    def remove_folders(self) -> None:
        """Remove the station's folders, and its home if nothing else is there."""
        for folder in self.folders():
            shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            self.location.home.rmdir()

    def objects(self) -> list[Object]:
        """Return the objects of node and proxy: the users' files, moved to this location."""
        cluster = self.cluster
        place = (cluster.images, cluster.server_ip, self.location)
        return users_objects(*place, self._change, cluster.node_image(), self._claims)

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """Run ``kubectl`` in the station's namespace and return its output."""
        return self.cluster.kubectl("-n", self.location.namespace, *arguments, check=check)

    def get(self, kind: str, *arguments: str) -> list[Object]:
        """Return the objects of a kind in the station's namespace."""
        return self.cluster.get(kind, *arguments, namespace=self.location.namespace)

    def node_log(self) -> str:
        """Return the node's own log."""
        return self.kubectl("logs", "deployment/v6-node")

    def emitter(self, on_event: Callable[[Event], None] | None = None) -> EmitterClient:
        """Return a client of the dummy server; use the client as a context manager."""
        return EmitterClient(self.server.url, on_event)

    def payload(self, *arguments: str, **changed: Any) -> dict[str, Any]:
        """Return a valid command with a new run id; by default the algorithm averages Age."""
        given = arguments or ("/app/input/csv/default", "Age", "/app/output/avg.txt")
        run_id = time.time_ns() // 1000
        return {
            "run_id": run_id,
            "task_info": {f"arg{n}": text for n, text in enumerate(given, 1)},
            "image": self.cluster.image("v6_average_algorithm"),
            "docker_input": "input1",
            "tmp_vol_name": f"tmp-{run_id}",
            "token": "a-secret-token",
            "databases_to_use": ["default"],
            **changed,
        }

    def run(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Post a run, wait for its end and return its result.

        Raises:
            StationError: the node refused the run.
        """
        with self.emitter() as emitter:
            answer = emitter.post(payload)
            if not answer["accepted"]:
                raise StationError(f"run {payload['run_id']} was refused: {answer.get('reason')}")
            return emitter.wait(payload["run_id"], timeout_s=PATIENCE_SECONDS)

    def job_of(self, run_id: int) -> Object | None:
        """Return the run's Job; None if there is none. Raise StationError for a second Job."""
        jobs = self.get("jobs", "-l", f"vantage6.ai/run-id={run_id}")
        if len(jobs) > 1:
            raise StationError(f"run {run_id} has {len(jobs)} Jobs")
        return jobs[0] if jobs else None

    def pods_of(self, run_id: int) -> list[Object]:
        """Return the pods of a run."""
        return self.get("pods", "-l", f"vantage6.ai/run-id={run_id}")
