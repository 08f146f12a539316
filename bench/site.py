"""The bench's own data station, with a separate namespace, folder, port and image."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError
from bench.kube import Kube
from bench.processes import container_processes
from bench.processors import NODE, Meter, Pods
from bench.sightings import Sightings
from node_poc.config.load import parse_config
from node_poc.config.model import NodeConfig
from tests.cluster.station import Cluster, Place, Station

ALGORITHM = "v6_bench_algorithm"
COLUMN = "Age"
# Long enough for a cluster that is busy with others; only reached after a failure.
PATIENCE_SECONDS = 120.0

Tell = Callable[[str], None]


def place(change: Callable[[dict[str, Any]], None] | None = None) -> Place:
    """Return the place of the bench's station, optionally with a changed configuration."""
    home = Path(f"/var/lib/vantage6-node-bench{os.environ.get('DEVCLUSTER_INDEX', '')}")
    own = Place(namespace="v6-bench", home=home, port=5065)
    return own if change is None else Place(own.namespace, own.home, own.port, change)


@dataclass(frozen=True)
class Site:
    """The parameters of every series. ``config`` is the node's; ``tell`` shows progress."""

    station: Station
    kube: Kube
    sightings: Sightings
    config: NodeConfig
    tell: Tell

    @property
    def image(self) -> str:
        """The measured algorithm's image."""
        return f"{self.station.cluster.images}/{ALGORITHM}"

    def arguments(self) -> tuple[str, str, str]:
        """Return the measured algorithm's arguments."""
        return "/app/input/csv/default", COLUMN, "/app/output/result.txt"

    def read_end(self, run_id: int) -> float:
        """Return the end of a run's algorithm, as the algorithm reported it. Raise BenchError."""
        path = self.station.place.tasks / str(run_id) / "output" / "result.txt"
        try:
            average, ended = map(float, path.read_text(encoding="utf-8").split())
        except (OSError, ValueError) as error:
            raise BenchError(f"run {run_id}: its output is not to be read: {error}") from error
        if not 0 < average < 150:
            raise BenchError(f"run {run_id}: {average} is no average age")
        return ended

    def meter(self) -> Meter:
        """Return a meter of processor time, by part, for the node's pod. Raise BenchError."""
        namespace = self.station.place.namespace
        selector = "app.kubernetes.io/component%3Dnode"
        pods = self.kube.read(f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
        alive = [pod for pod in pods["items"] if "deletionTimestamp" not in pod["metadata"]]
        processes = container_processes(alive[0]["metadata"]["uid"]) if alive else []
        if not processes:
            raise BenchError(f"there is no pod of a node in {namespace}")
        return Meter(Pods({NODE: processes[0]}), {os.getpid(): "bench"})

    def clear(self) -> None:
        """Remove all Jobs and their pods, because each series must start with none."""
        self.kube.remove_all(f"/apis/batch/v1/namespaces/{self.station.place.namespace}/jobs")
        end = time.monotonic() + PATIENCE_SECONDS
        selector = ("-l", "app.kubernetes.io/component=algorithm")
        while self.station.kubectl("get", "pods", "-o", "name", *selector).strip():
            if time.monotonic() > end:
                raise BenchError("the pods of removed Jobs do not go away")
            time.sleep(0.5)


@contextmanager
def own_site(tell: Tell, *, keep: bool) -> Iterator[Site]:
    """Make the station, and remove it afterwards, also after Ctrl-C.

    Args:
        tell: shows progress.
        keep: end the server only, and keep all the rest.

    Raises:
        BenchError: the station could not be made.
    """
    cluster = Cluster()
    log = Path(tempfile.mkdtemp(prefix="v6-bench-")) / "dummy_server.log"
    station = Station(cluster, log, place())
    kube = Kube(cluster.settings.get("KUBECONFIG"), cluster.settings.get("CONTEXT") or None)
    tell("a data station of its own: namespace v6-bench")
    try:
        station.set_up()
        sightings = Sightings(kube, station.place.namespace)
        sightings.start()
        yield Site(station, kube, sightings, _config(station), tell)
    except AssertionError as error:  # the tests' station raises AssertionError
        raise BenchError(str(error)) from error
    finally:
        if keep:
            station.server.kill()
            tell(f"kept: namespace {station.place.namespace}, {station.place.home}, {log}")
        else:
            tell("taking the data station away")
            station.tear_down()


def _config(station: Station) -> NodeConfig:
    for item in station.objects():
        if item["kind"] == "ConfigMap":
            text = item["data"]["node_config.yaml"]
            return parse_config(yaml.safe_dump(yaml.safe_load(text)), {})
    raise BenchError("the station has no ConfigMap")
