"""PURE: why a pod of the node waits for a machine or a volume, with the remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from node_poc.runs.diagnosis import VOLUME_ELSEWHERE
from node_poc.runs.times import event_time

Object = Mapping[str, Any]

# The scheduler's words (``pkg/scheduler/framework/plugins``), the most specific first, and the
# remedy.
_REMEDIES = (
    (
        VOLUME_ELSEWHERE,
        (
            "its volume is on one machine: uncordon or repair that machine (`kubectl get nodes`); "
            "without the machine, restore the volume from a backup"
        ),
    ),
    (
        r'(?i)persistentvolumeclaim "[^"]*" (not found|is being deleted)',
        "make the claim again (set kubernetes.storage.size, and start), with the data of a backup",
    ),
    (
        r"non-existent persistentvolume|non-existent pv",
        (
            "the volume is gone: restore the volume, or delete the claim and start again with the "
            "data of a backup"
        ),
    ),
    (
        r"(?i)unbound immediate persistentvolume|persistent volumes to bind|enough free storage",
        "see the claims (`kubectl describe pvc`): their StorageClass gives no volume so far",
    ),
    (
        r"were unschedulable|untolerated taint",
        "uncordon or repair a machine (`kubectl get nodes`), or make room on the others",
    ),
)
_ROOM = "make room on the cluster's machines, or lower kubernetes.node_cpu_request"
_IN_USE = "Multi-Attach"
_DETACH = (
    "another machine still has the volume: the pod starts when the runs there have ended; if that "
    "machine is switched off for good, `kubectl taint node MACHINE "
    "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`"
)


def remedy_of_waiting(message: str) -> str:
    """Return the remedy for a pod without a machine, by the scheduler's words."""
    return next((remedy for words, remedy in _REMEDIES if re.search(words, message)), _ROOM)


def remedy_of_mount(message: str) -> str:
    """Return the remedy for a volume that cannot be mounted, by the words of the Event."""
    if _IN_USE in message:
        return _DETACH
    return "make the folder or claim that the pod mounts, or correct its path"


def claims_of(pod: Object) -> list[str]:
    """Return the names of the claims that a pod mounts."""
    volumes = (pod.get("spec") or {}).get("volumes") or []
    sources = (each.get("persistentVolumeClaim") for each in volumes)
    return [source["claimName"] for source in sources if source]


def waiting_claim(claim: Object, events: Sequence[Object]) -> str | None:
    """Return a sentence about a claim that cannot be used yet; None about a bound one.

    Args:
        claim: the PersistentVolumeClaim.
        events: the Events about the claim, in any order.
    """
    name, phase = claim["metadata"]["name"], (claim.get("status") or {}).get("phase")
    if phase == "Bound":
        return None
    storage_class = (claim.get("spec") or {}).get("storageClassName")
    named = f"StorageClass {storage_class}" if storage_class else "no StorageClass"
    if phase == "Lost":
        return f"claim {name} has lost its volume"
    warnings = [each for each in events if each.get("type") == "Warning"]
    last = max(warnings or events, key=event_time, default={"message": "nothing is said about it"})
    return f"claim {name} has no volume yet ({named}): {last.get('message')}"
