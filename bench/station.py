"""The bench's own station, with a separate location and image, and the measuring tools."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError
from bench.kube import Kube
from bench.processes import container_processes
from bench.processors import NODE, Meter, Pods
from bench.sightings import Sightings
from devstation import (
    Cluster,
    DummyServer,
    DummyStation,
    Location,
    StationError,
    Tell,
    own_home,
    wait_for_verdict,
)
from node_poc.config.load import parse_config
from node_poc.config.model import NodeConfig

ALGORITHM = "v6_bench_algorithm"
COLUMN = "Age"
# Long enough for a cluster that is busy with others; only reached after a failure.
PATIENCE_SECONDS = 120.0


class BenchStation(DummyStation):
    """The station that every series measures.

    Attributes:
        kube: client of the Kubernetes API.
        sightings: the bench's own watches, started by ``measuring``.
        tell: shows progress.
    """

    def __init__(self, cluster: Cluster, log: Path, tell: Tell) -> None:
        """Take the cluster and the file for the server's output."""
        location = Location("v6-bench", own_home("bench"), 5065)
        super().__init__(cluster, location, DummyServer(cluster, location.port, log))
        self.kube = Kube(cluster.settings.get("KUBECONFIG"), cluster.context)
        self.sightings = Sightings(self.kube, location.namespace)
        self.tell = tell

    @property
    def image(self) -> str:
        """The measured algorithm's image."""
        return self.cluster.image(ALGORITHM)

    def config(self) -> NodeConfig:
        """Return the node's configuration."""
        (item,) = (item for item in self.objects() if item["kind"] == "ConfigMap")
        return parse_config(item["data"]["node_config.yaml"], {})

    def arguments(self) -> tuple[str, str, str]:
        """Return the measured algorithm's arguments."""
        return "/app/input/csv/default", COLUMN, "/app/output/result.txt"

    def read_end(self, run_id: int) -> float:
        """Return the end of a run's algorithm, as the algorithm reported it. Raise BenchError."""
        path = self.tasks / str(run_id) / "output" / "result.txt"
        try:
            average, ended = map(float, path.read_text(encoding="utf-8").split())
        except (OSError, ValueError) as error:
            raise BenchError(f"run {run_id}: its output is not to be read: {error}") from error
        if not 0 < average < 150:
            raise BenchError(f"run {run_id}: {average} is no average age")
        return ended

    def meter(self) -> Meter:
        """Return a meter of processor time, by part, for the node's pod. Raise BenchError."""
        namespace = self.location.namespace
        selector = "app.kubernetes.io/component%3Dnode"
        pods = self.kube.read(f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
        alive = [pod for pod in pods["items"] if "deletionTimestamp" not in pod["metadata"]]
        processes = container_processes(alive[0]["metadata"]["uid"]) if alive else []
        if not processes:
            raise BenchError(f"there is no pod of a node in {namespace}")
        return Meter(Pods({NODE: processes[0]}), {os.getpid(): "bench"})

    def clear(self) -> None:
        """Remove all Jobs and their pods, because each series must start with none."""
        self.kube.remove_all(f"/apis/batch/v1/namespaces/{self.location.namespace}/jobs")
        end = time.monotonic() + PATIENCE_SECONDS
        selector = ("-l", "app.kubernetes.io/component=algorithm")
        while self.kubectl("get", "pods", "-o", "name", *selector).strip():
            if time.monotonic() > end:
                raise BenchError("the pods of removed Jobs do not go away")
            time.sleep(0.5)


@contextmanager
def bench_station(tell: Tell, *, keep: bool) -> Iterator[BenchStation]:
    """Make the station, and remove it afterwards, also after Ctrl-C.

    Args:
        tell: shows progress.
        keep: end the server only, and keep all the rest.

    Raises:
        BenchError: the station could not be made.
    """
    log = Path(tempfile.mkdtemp(prefix="v6-bench-")) / "dummy_server.log"
    try:
        station = BenchStation(Cluster(), log, tell)
        tell(f"a station of its own: namespace {station.location.namespace}")
        with _removed_in_the_end(station, keep=keep):
            station.set_up()
            tell("waiting for the node's first self-test")
            wait_for_verdict(station.tasks)
            station.sightings.start()
            yield station
    except StationError as error:
        raise BenchError(str(error)) from error


@contextmanager
def _removed_in_the_end(station: BenchStation, *, keep: bool) -> Iterator[None]:
    try:
        yield
    finally:
        if keep:
            station.server.kill()
            where = station.location
            station.tell(f"kept: namespace {where.namespace}, {where.home}, {station.server.log}")
        else:
            station.tell("taking the station away")
            station.remove()
