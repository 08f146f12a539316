"""The bench's own observations of the cluster: the times of Jobs, and of containers' ends.

The same watches observe the Jobs and pods of node and raw client, for an equal comparison.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from bench.errors import BenchError
from bench.kube import Kube
from node_poc.manifests import identity

_OPEN_SECONDS = 30.0


class Sightings:
    """Two watches in their own daemon threads, which need no ``stop``."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        """Take the API client; the watches start with ``start``."""
        self._kube = kube
        self._paths: dict[str, Callable[[int, dict[str, Any], float], None]] = {
            f"/apis/batch/v1/namespaces/{namespace}/jobs": self._on_job,
            f"/api/v1/namespaces/{namespace}/pods": self._on_pod,
        }
        self._changed = threading.Condition()
        self.jobs: dict[int, float] = {}
        self.ends: dict[int, float] = {}
        self._on_end: dict[int, Callable[[], None]] = {}
        self._broken: Exception | None = None

    def start(self) -> None:
        """Start both watches; return when both are open.

        Raises:
            BenchError: the API server did not open a watch.
        """
        for path in self._paths:
            opened = threading.Event()
            threading.Thread(target=self._watch, args=(path, opened), daemon=True).start()
            if not opened.wait(_OPEN_SECONDS) or self._broken is not None:
                raise BenchError(f"watch {path} is not open: {self._broken or 'time over'}")

    def when_ended(self, run_id: int, call: Callable[[], None]) -> None:
        """Call ``call`` in the watch's thread, as soon as the run's container has ended."""
        self._on_end[run_id] = call

    def wait(self, seen: dict[int, float], run_id: int, until: float) -> float:
        """Return when a run appeared in ``jobs`` or ``ends``; ``until`` in seconds since the epoch.

        Raises:
            BenchError: the run did not appear, or a watch failed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: run_id in seen or self._broken is not None, until - time.time()
            )
            if run_id in seen:
                return seen[run_id]
        raise BenchError(f"run {run_id} was not seen in the cluster: {self._broken or 'time over'}")

    def _watch(self, path: str, opened: threading.Event) -> None:
        try:
            while True:
                events = self._kube.watch(path)
                opened.set()
                for event in events:
                    self._take(path, event)
        except Exception as error:  # `start` or `wait` raises the error in its caller's thread
            with self._changed:
                self._broken = error
                self._changed.notify_all()
            opened.set()

    def _take(self, path: str, event: dict[str, Any]) -> None:
        now = time.time()
        found = event["object"]
        run_id = identity.run_id_of(found["metadata"].get("labels") or {})
        if event["type"] == "ERROR":
            raise BenchError(f"watch {path}: {found.get('message')}")
        if run_id is not None:
            self._paths[path](run_id, found, now)

    def _on_job(self, run_id: int, _: dict[str, Any], now: float) -> None:
        if run_id not in self.jobs:
            self._note(self.jobs, run_id, now)

    def _on_pod(self, run_id: int, pod: dict[str, Any], now: float) -> None:
        states = (pod.get("status") or {}).get("containerStatuses") or []
        if run_id in self.ends or not any("terminated" in item["state"] for item in states):
            return
        if call := self._on_end.pop(run_id, None):
            call()
        self._note(self.ends, run_id, now)

    def _note(self, seen: dict[int, float], run_id: int, now: float) -> None:
        with self._changed:
            seen[run_id] = now
            self._changed.notify_all()
