"""Tells of the verdict of the self-test by an Event about the node's own pod.

``kubectl describe pod`` and a Kubernetes dashboard show Events; nobody has to read a log.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import structlog

from node_poc.cluster.errors import ClusterError
from node_poc.cluster.objects import ClusterObjects
from node_poc.manifests.lease import POD_NAME_VARIABLE
from node_poc.runs.walls_verdict import Enforcement, WallsVerdict

log = structlog.get_logger(__name__)

REASONS = {
    Enforcement.AT_ONCE: "WallsProven",
    Enforcement.LATE: "WallsLate",
    Enforcement.NOT: "WallsOpen",
    Enforcement.UNKNOWN: "WallsUnknown",
}
_REPORTER = "v6-node"
# Limit of the API server for an Event's message.
_MESSAGE_CHARACTERS = 1024


class WallsEvents:
    """Creates one Event for each verdict that differs from the one before."""

    def __init__(self, objects: ClusterObjects, namespace: str) -> None:
        """Tell of this process' own pod, in ``namespace``; outside of a pod, tell nothing."""
        self._objects = objects
        self._namespace = namespace
        self._pod = os.environ.get(POD_NAME_VARIABLE, "")

    def tell(self, verdict: WallsVerdict) -> None:
        """Create the Event. Without success, the node goes on: the log has the verdict, too."""
        if not self._pod:
            return
        try:
            uid = self._objects.pod_uid(self._pod)
            if uid is not None:
                self._objects.create_event(self._event(verdict, uid))
        except ClusterError as error:
            log.warning("no Event tells of the walls' verdict", status=error.status or "no answer")

    def _event(self, verdict: WallsVerdict, uid: str) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        is_well = verdict.enforcement is Enforcement.AT_ONCE
        return {
            "metadata": {"generateName": f"{self._pod}.", "namespace": self._namespace},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": self._pod,
                "namespace": self._namespace,
                "uid": uid,
            },
            "type": "Normal" if is_well else "Warning",
            "reason": REASONS[verdict.enforcement],
            "message": f"the walls around algorithms: {verdict}"[:_MESSAGE_CHARACTERS],
            "source": {"component": _REPORTER},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
