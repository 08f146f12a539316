"""A station for a single test module, with its own settings and its own namespace.

The node runs in this process, so that a dozen nodes start in seconds; the cluster, the runs' pods
and the dummy server are real. There is no proxy and no NetworkPolicy: these tests are about failing
runs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from devserver.ports import free_port
from devstation import PATIENCE_SECONDS, Cluster, DummyServer, DummyStation, Location, wait_for
from devstation.dummy_station import EmitterClient, Event
from node_poc.config.load import load_config
from node_poc.engine import background_calls
from node_poc.node import Node
from tests.cluster import wire_recorder
from tests.cluster.station import HOME, NAMESPACE

# The node insists on a log that the kubelet cannot read.
RESULT_SECONDS = PATIENCE_SECONDS + background_calls._INSIST_SECONDS


class SideStation(DummyStation):
    """A station whose node runs in this process.

    ``settings`` is the section ``kubernetes`` of the node's configuration. ``objects`` are made in
    the station's namespace, which gets ``labels``.
    """

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        folder: Path,
        objects: Iterable[dict[str, Any]] = (),
        labels: dict[str, str] | None = None,
        **settings: Any,
    ) -> None:
        port = free_port(cluster.server_ip)
        location = Location(f"{NAMESPACE}-{name}", Path(f"{HOME}-{name}"), port)
        server = DummyServer(cluster, port, folder / f"{name}.log")
        super().__init__(cluster, location, server)
        self._settings = settings
        self._objects = list(objects)
        self._labels = labels or {}
        self._config = folder / f"{name}.yaml"
        self._node: Node | None = None

    def set_up(self) -> None:
        """Make the namespace and the folders, start the server and the node."""
        self.remove(wait=True)
        self.make_folders()
        metadata = {"name": self.location.namespace, "labels": self._labels}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        self.cluster.apply(namespace, *map(self._inside, self._objects))
        self.server.start()
        self.start_node()

    def _inside(self, item: dict[str, Any]) -> dict[str, Any]:
        return item | {"metadata": item["metadata"] | {"namespace": self.location.namespace}}

    def remove(self, *, wait: bool = False) -> None:
        """Remove the station; without ``wait`` Kubernetes empties the namespace later."""
        self.stop_node()
        self.server.kill()
        self.cluster.delete_namespace(self.location.namespace, wait=wait)
        self.remove_folders()

    def start_node(self) -> None:
        """Run the node in this process until ``stop_node``."""
        csv = {"type": "csv", "uri": f"{self.data}/employees.csv"}
        late = {"label": "late", "type": "csv", "uri": f"{self.data}/late.csv"}
        config = {
            "server_url": f"http://{self.cluster.server_ip}",
            "port": self.location.port,
            "task_dir": str(self.tasks),
            "databases": [csv | {"label": "default"}, late],
            "kubernetes": {
                "node_name": self.location.namespace,
                "namespace": self.location.namespace,
                "walls": {"required": False, "gate": "off", "self_test_hours": None},
                **self._settings,
            },
        }
        self._config.write_text(yaml.safe_dump(config))
        context = os.environ.get("CONTEXT") or None
        node = Node(
            load_config(self._config, {}), None, threading.Event(), context=context, health_port=0
        )
        node.start()
        self._node = node
        wait_for(node._is_ready, f"the node of {self.location.namespace} is ready")

    def stop_node(self) -> None:
        """End the node as SIGTERM does; the Jobs that the node started go on."""
        if self._node is not None:
            self._node.stop()
            self._node = None


def set_up_all(stations: Iterable[DummyStation]) -> None:
    """Make several stations at the same time."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda station: station.set_up(), stations))


def remove_all(stations: Iterable[DummyStation]) -> None:
    """Remove several stations at the same time."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda station: station.remove(), stations))


class Listener:
    """An emitter that posts runs to a station and remembers all events from the server."""

    def __init__(self, station: DummyStation) -> None:
        self.station = station
        self.events: list[Event] = []
        self._emitter: EmitterClient = station.emitter(self.events.append)

    def __enter__(self) -> Listener:
        self._emitter.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self._emitter.close()

    def post(self, name: str, *arguments: str, **changed: Any) -> int:
        """Post a run; ``name`` is the name of the expected failure. Return the run id."""
        payload = self.station.payload(*arguments, **changed)
        wire_recorder.RUNS[payload["run_id"]] = name
        answer = self._emitter.post(payload)
        assert answer["accepted"], answer
        run_id: int = payload["run_id"]
        return run_id

    def status(self, run_id: int, cause: str) -> dict[str, Any]:
        """Wait until the server got a waiting or running status of the run with this cause."""

        def found() -> dict[str, Any] | None:
            told = [e.data for e in list(self.events) if e.kind.value == "status"]
            return next((d for d in told if d["run_id"] == run_id and d["cause"] == cause), None)

        message: dict[str, Any] = wait_for(found, f"run {run_id}: a status with cause {cause}")
        return message

    def active(self, run_id: int) -> None:
        """Wait until a run is active."""

        def is_active() -> bool:
            told = [e.data for e in list(self.events) if e.kind.value == "status"]
            return any(d["run_id"] == run_id and d["status"] == "active" for d in told)

        wait_for(is_active, f"run {run_id} is active")

    def kill(self, *run_ids: int) -> list[str]:
        """Kill runs; return the outcome of each kill."""
        answer = self._emitter.request("kill_request", {"run_ids": list(run_ids)})
        return [outcome["outcome"] for outcome in answer["outcomes"]]

    def result(self, run_id: int) -> dict[str, Any]:
        """Wait until the server has the run's result, and return the result."""
        return self._emitter.wait(run_id, timeout_s=RESULT_SECONDS)


@contextmanager
def listening(station: SideStation) -> Iterator[Listener]:
    """Make a station, and remove the station in the end, also after an error."""
    try:
        station.set_up()
        with Listener(station) as listener:
            yield listener
    finally:
        station.remove()


def told(message: dict[str, Any]) -> tuple[Any, Any, Any, Any]:
    """Return what a status or a result says of a failure: status, cause, detail, advice."""
    return message["status"], message["cause"], message["detail"], message["advice"]


def assert_nothing_can_start(station: DummyStation, run_id: int) -> None:
    """Wait until the Job and the pod of a run that ended before its container started are gone."""
    wait_for(lambda: station.job_of(run_id) is None, f"the Job of run {run_id} is removed")
    wait_for(lambda: not station.pods_of(run_id), f"the pod of run {run_id} is gone")
