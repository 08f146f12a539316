"""The raw client: creates the same Job as the node, and watches its pod. Nothing else.

The raw client's time is Kubernetes' own. The client makes the folders beforehand, and reads the
result from the disk at the moment when the watch shows the container's end.
"""

from __future__ import annotations

import os
import time
from typing import Any

from bench.plan import Who
from bench.station import PATIENCE_SECONDS, BenchStation
from bench.timed_run import TimedRun
from node_poc.manifests.job import build_job
from node_poc.manifests.volumes import SHARED_FOLDER, sub_path
from node_poc.protocol.dummy.messages import parse_command
from node_poc.storage.folders import make_run_folders, task_dir_mounts

# User and group of the node's pod (node_poc/kubeconfs), which own the folders of runs.
_NODE_USER = _STORAGE_GROUP = 10001
_NODE_NAME = "raw-client"


class RawClient:
    """Runs Jobs like the node's own, under another name to hide them from the node."""

    def __init__(self, station: BenchStation) -> None:
        """Take the ready ``station``."""
        self._station = station
        self._config = station.config().with_kubernetes(node_name=_NODE_NAME)
        settings = self._config.kubernetes
        namespace = settings.namespace
        self._jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        path = f"/api/v1/namespaces/{namespace}/services/{settings.proxy.service}"
        self._proxy: str = station.kube.read(path)["spec"]["clusterIP"]
        self._asked: dict[int, tuple[float, float]] = {}
        self._results: dict[int, float] = {}

    def prepare(self) -> tuple[int, dict[str, Any]]:
        """Make a run's folders and return its Job as data; outside of the measurement."""
        payload = self._station.payload(*self._station.arguments(), image=self._station.image)
        spec = parse_command(payload, self._config)
        task_dir = self._station.tasks
        mounts = {mount: sub_path(mount, spec.run_id) for mount in task_dir_mounts(spec)}
        make_run_folders(task_dir, spec, mounts)
        for path in (SHARED_FOLDER, str(spec.run_id), *mounts.values()):
            os.chown(task_dir / path, _NODE_USER, _STORAGE_GROUP)
        return spec.run_id, build_job(spec, self._config, self._proxy, _STORAGE_GROUP)

    def start(self, run_id: int, job: dict[str, Any]) -> None:
        """Create the Job; return when Kubernetes has the Job."""
        self._station.sightings.when_ended(run_id, lambda: self._take(run_id))
        asked = time.time()
        self._station.kube.create(self._jobs, job)
        self._asked[run_id] = asked, time.time()

    def _take(self, run_id: int) -> None:
        self._station.read_end(run_id)
        self._results[run_id] = time.time()

    def finish(self, run_id: int) -> TimedRun:
        """Wait for the run's end. Raise BenchError."""
        asked, created = self._asked[run_id]
        seen, until = self._station.sightings, asked + PATIENCE_SECONDS
        seen_end = seen.wait(seen.ends, run_id, until)
        return TimedRun(
            who=Who.RAW,
            asked=asked,
            received=None,
            created=created,
            job_seen=seen.wait(seen.jobs, run_id, until),
            ended=self._station.read_end(run_id),
            seen_end=seen_end,
            result=self._results[run_id],
        )
