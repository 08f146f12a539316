"""The raw client: creates Jobs like the node's, and watches their pods. Nothing else.

The node's own builders make the Job, so image, files, variables, limits and security are the same;
only names and labels differ, to hide the Job from the node. The client applies the NetworkPolicies
for its name beforehand, so its pods have the same isolation.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import Any

import yaml

from bench.errors import BenchError
from bench.kube import Kube
from bench.sightings import Sightings
from devstation import Federation, Vantage6Station
from node_poc.config.load import parse_config
from node_poc.isolation.node_policies import build_node_policies
from node_poc.manifests.identity import LABEL_NODE, Identity
from node_poc.manifests.job import build_job
from node_poc.manifests.volumes import SHARED_FOLDER, sub_path
from node_poc.protocol.vantage6.incoming.container_contract import build_spec
from node_poc.protocol.vantage6.run_request import DatabaseRequest, RunRequest
from node_poc.storage.folders import make_run_folders, make_shared_folder, task_dir_mounts

# User and group of the node's pod (node_poc/kubeconfs), which own the folders of runs.
_NODE_USER = _STORAGE_GROUP = 10001
_NODE_NAME = "raw-client"
# Far from the server's own ids; nine digits, as in the paths of a run.
_FIRST_RUN = 900_000_000
_PATIENCE_SECONDS = 180.0
# As long as a container's token; the measured function does not use the token.
_TOKEN = "t" * 700


@dataclass(frozen=True)
class RawRun:
    """The moments of one run: before the Job's request, and after reading the result from disk."""

    asked: float
    result: float


class RawClient:
    """Runs Jobs like a station's own, in a separate folder."""

    def __init__(
        self, federation: Federation, station: Vantage6Station, kube: Kube, seen: Sightings
    ) -> None:
        """Take the station, and apply the NetworkPolicies."""
        own = parse_config(yaml.safe_dump(federation.config(station)), {})
        self._task_dir = federation.folder(station) / "raw-tasks"
        self._task_dir.mkdir(exist_ok=True)
        settings = own.kubernetes.model_copy(update={"node_name": _NODE_NAME})
        changed = {"kubernetes": settings, "task_dir": str(self._task_dir)}
        self._config = own.model_copy(update=changed)
        self._kube, self._seen = kube, seen
        namespace = federation.location.namespace
        self._jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        proxy = f"/api/v1/namespaces/{namespace}/services/{own.kubernetes.proxy.service}"
        self._proxy: str = kube.read(proxy)["spec"]["clusterIP"]
        self._cluster = federation.cluster
        self._cluster.apply(*build_node_policies(self._config, {}))
        self._next = _FIRST_RUN
        self._results: dict[int, float] = {}
        self._broken: dict[int, BenchError] = {}

    def prepare(self, image: str, input_: object) -> tuple[int, dict[str, Any]]:
        """Make a run's folders and return its Job as data; outside of the measurement.

        ``input_`` is the input of a task with the database ``default``.
        """
        self._next += 1
        run_id = self._next
        request = _request(run_id, image)
        spec = build_spec(request, self._config, json.dumps(input_).encode(), _TOKEN)
        for name in spec.volumes:
            make_shared_folder(self._task_dir, name)
        mounts = {mount: sub_path(mount, spec.run_id) for mount in task_dir_mounts(spec)}
        make_run_folders(self._task_dir, spec, mounts)
        folder = self._task_dir / str(run_id)
        for path in (self._task_dir / SHARED_FOLDER, folder, *folder.rglob("*")):
            os.chown(path, _NODE_USER, _STORAGE_GROUP)
        for path in (self._task_dir / SHARED_FOLDER).iterdir():
            os.chown(path, _NODE_USER, _STORAGE_GROUP)
            path.chmod(0o2770)  # chown clears the setgid bit
        return run_id, build_job(spec, self._config, self._proxy, _STORAGE_GROUP)

    def start(self, run_id: int, job: dict[str, Any]) -> float:
        """Create the Job; return the moment before the request."""
        self._seen.when_ended(run_id, lambda: self._take(run_id))
        asked = time.time()
        self._kube.create(self._jobs, job)
        return asked

    def finish(self, run_id: int, asked: float) -> RawRun:
        """Wait for the run's end. Raise BenchError, also for a run without a result."""
        self._seen.wait(self._seen.ends, run_id, asked + _PATIENCE_SECONDS)
        if run_id in self._broken:
            raise self._broken[run_id]
        return RawRun(asked, self._results[run_id])

    def clear(self) -> None:
        """Remove the raw client's Jobs, to keep them out of the next measurement."""
        selector = f"{LABEL_NODE}={Identity(_NODE_NAME).node_label}"
        where = ("-n", self._config.kubernetes.namespace, "-l", selector)
        self._cluster.kubectl("delete", "jobs,pods", "--timeout=120s", *where)

    def _take(self, run_id: int) -> None:
        path = self._task_dir / str(run_id) / "output"
        try:
            json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            self._broken[run_id] = BenchError(f"raw run {run_id} has no result: {error}")
        self._results[run_id] = time.time()


def _request(run_id: int, image: str) -> RunRequest:
    return RunRequest(
        run_id=run_id,
        task_id=run_id,
        job_id=run_id,
        parent_id=None,
        organization_id=1,
        collaboration_id=1,
        init_org_id=1,
        init_user_id=None,
        image=image,
        store_id=None,
        databases=(DatabaseRequest("default"),),
        input="",
    )
