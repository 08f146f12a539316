"""PURE: the ``coordination.k8s.io/v1`` Lease that lets only one process at a time run as a node.

The times in the Lease are for people. The node never compares the times with a clock: see
``node_poc.cluster.lease``.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from node_poc import __version__
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity

POD_NAME_VARIABLE = "POD_NAME"
_VERSION_LENGTH = 40
_OUTSIDE = "outside:"  # no pod's name has a colon
_HOLDER = re.compile(
    r"(?P<outside>outside:)?(?P<place>[A-Za-z0-9][A-Za-z0-9.-]*)_(?P<process>[0-9a-f]+)"
)


@dataclass(frozen=True)
class Holder:
    """One process that may hold a Lease.

    Attributes:
        place: name of the process's pod, or of its machine if ``in_pod`` is False.
        process: random id of the process; distinguishes a restarted container from its predecessor.
        in_pod: whether the process runs in a pod.
    """

    place: str
    process: str
    in_pod: bool

    @property
    def text(self) -> str:
        """The Lease's ``holderIdentity``."""
        return f"{'' if self.in_pod else _OUTSIDE}{self.place}_{self.process}"

    def same_pod(self, other: Holder) -> bool:
        """Return whether ``other`` was an earlier container of the same pod, and so has ended.

        Two processes on one machine, outside any pod, may run at the same time.
        """
        return self.in_pod and other.in_pod and self.place == other.place


def make_holder(environment: Mapping[str, str], host_name: str, process: str) -> Holder:
    """Name this process after ``POD_NAME`` (set by the downward API), or else after the machine.

    Args:
        environment: environment variables of the process.
        host_name: name of the machine.
        process: random id in hexadecimal digits, different for each process.
    """
    pod = environment.get(POD_NAME_VARIABLE, "")
    plain = re.sub(r"[^A-Za-z0-9.-]", "-", pod or host_name).lstrip(".-") or "unknown"
    return Holder(plain, process, in_pod=bool(pod))


def holder_of(lease: dict[str, Any]) -> Holder | None:
    """Return the holder of the Lease; None if nobody holds the Lease.

    A ``holderIdentity`` that no node wrote counts as a process outside any pod: nothing can be
    found out about the process, so the node waits for the Lease to expire.
    """
    text = (lease.get("spec") or {}).get("holderIdentity") or ""
    if not text:
        return None
    match = _HOLDER.fullmatch(text)
    if match is None:
        return Holder(text, "", in_pod=False)
    return Holder(match["place"], match["process"], in_pod=match["outside"] is None)


def seconds_of(lease: dict[str, Any]) -> float:
    """Return how many seconds the Lease is held after its last renewal; 0 without a duration."""
    return float((lease.get("spec") or {}).get("leaseDurationSeconds") or 0)


def mark_of(lease: dict[str, Any]) -> tuple[str, str]:
    """Return a value that changes with each renewal, and otherwise only after a manual edit."""
    renewed = (lease.get("spec") or {}).get("renewTime") or ""
    return str(lease["metadata"].get("resourceVersion", "")), str(renewed)


def build_lease(names: Identity, namespace: str) -> dict[str, Any]:
    """Return a node's Lease without a holder; ``taken`` fills in the holder."""
    labels = {
        identity.LABEL_PART_OF: identity.PART_OF,
        identity.LABEL_COMPONENT: identity.COMPONENT_NODE,
        identity.LABEL_MANAGED_BY: identity.PART_OF,
        identity.LABEL_NODE: names.node_label,
    }
    metadata = {"name": names.node_label, "namespace": namespace, "labels": labels}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}


def taken(lease: dict[str, Any], holder: Holder, seconds: int, now: datetime) -> dict[str, Any]:
    """Return the Lease as ``holder`` writes the Lease when taking it; other fields are kept."""
    before = lease.get("spec") or {}
    transitions = int(before.get("leaseTransitions") or 0) + (1 if before else 0)
    made = _with_spec(
        lease,
        holderIdentity=holder.text,
        leaseDurationSeconds=seconds,
        acquireTime=micro_time(now),
        renewTime=micro_time(now),
        leaseTransitions=transitions,
    )
    return _with_mark(made, identity.ANNOTATION_VERSION, __version__)


def renewed(lease: dict[str, Any], now: datetime, audit_head: str = "") -> dict[str, Any]:
    """Return the Lease as the holder writes the Lease at each renewal.

    ``audit_head`` names the last entry of the node's audit trail; empty keeps the former head.
    """
    return _with_head(_with_spec(lease, renewTime=micro_time(now)), audit_head)


def released(lease: dict[str, Any], now: datetime, audit_head: str = "") -> dict[str, Any]:
    """Return the Lease without a holder, as an ending holder writes the Lease.

    The next process then need not wait for the Lease to expire. ``audit_head`` as in ``renewed``.
    """
    return _with_head(_with_spec(lease, holderIdentity="", renewTime=micro_time(now)), audit_head)


def audit_head_of(lease: dict[str, Any]) -> str:
    """Return the head of the audit trail that the Lease names, as text; empty without a head."""
    return _mark_of(lease, identity.ANNOTATION_AUDIT_HEAD)


def version_of(lease: dict[str, Any]) -> str:
    """Return the version of the node that took the Lease last; empty if the node was older."""
    return _mark_of(lease, identity.ANNOTATION_VERSION)[:_VERSION_LENGTH]


def _mark_of(lease: dict[str, Any], name: str) -> str:
    return str((lease["metadata"].get("annotations") or {}).get(name, ""))


def _with_head(lease: dict[str, Any], audit_head: str) -> dict[str, Any]:
    return _with_mark(lease, identity.ANNOTATION_AUDIT_HEAD, audit_head) if audit_head else lease


def _with_mark(lease: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    marks = lease["metadata"].get("annotations") or {}
    lease["metadata"]["annotations"] = marks | {name: value}
    return lease


def _with_spec(lease: dict[str, Any], **fields: Any) -> dict[str, Any]:
    changed = copy.deepcopy(lease)
    changed["spec"] = (changed.get("spec") or {}) | fields
    return changed


def micro_time(moment: datetime) -> str:
    """Return a Kubernetes MicroTime: UTC, always six decimals."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
