"""Watch the runs' pods through the API, with separate rights and without the node."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import suppress
from typing import Any

from devcluster.errors import DevClusterError
from devcluster.kube import Api
from tests.faults.station import FaultStation

_LABEL = "vantage6.ai/run-id"
_PAUSE_SECONDS = 1.0


class PodWatch:
    """Record every pod of a run with a started container, and each pod's cluster node."""

    def __init__(self, station: FaultStation) -> None:
        """Ask the API nothing before ``start``."""
        self._api = Api(station.layout)
        self._path = f"/api/v1/namespaces/{station.location.namespace}/pods?labelSelector={_LABEL}"
        self._lock = threading.Lock()
        self._started: defaultdict[int, dict[str, str]] = defaultdict(dict)
        self._placed: dict[int, str] = {}
        self._running: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pod watch", daemon=True)

    def start(self) -> None:
        """List the pods every second from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listing."""
        self._stop.set()
        self._thread.join(15)

    def started(self, run_id: int) -> dict[str, str]:
        """Return a run's executions: the cluster node of each container that was started."""
        with self._lock:
            return dict(self._started[run_id])

    def place_of(self, run_id: int) -> str | None:
        """Return the cluster node of the run's pod."""
        with self._lock:
            return self._placed.get(run_id)

    def running(self) -> set[int]:
        """Return the runs with a running container, as seen last."""
        with self._lock:
            return set(self._running)

    def look(self) -> None:
        """List the pods once. Raise DevClusterError if the API is away."""
        found = self._api.get(self._path) or {"items": []}
        with self._lock:
            self._running.clear()
            for pod in found["items"]:
                self._note(pod)

    def _run(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            with suppress(DevClusterError):
                self.look()

    def _note(self, pod: dict[str, Any]) -> None:
        run_id = int(pod["metadata"]["labels"][_LABEL])
        node = pod["spec"].get("nodeName")
        if node:
            self._placed[run_id] = node
        for container in pod["status"].get("containerStatuses", []):
            if "running" in container["state"]:
                self._running.add(run_id)
            if _was_started(container):
                # A container that was restarted in its pod has another id.
                self._started[run_id][container["containerID"][-12:]] = node


def _was_started(container: dict[str, Any]) -> bool:
    """Return whether a container's process ever ran: the runtime may fail to start a container."""
    state = container["state"]
    began = (state.get("running") or state.get("terminated") or {}).get("startedAt")
    return began is not None and not began.startswith("1970-")
