"""PURE: the ``coordination.k8s.io/v1`` Lease that lets one process at a time work as a node.

Its times are for people who look at it. Nobody here compares them with a clock: see
``node_poc.cluster.lease``.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from node_poc.manifests import identity
from node_poc.manifests.identity import Identity

POD_NAME_VARIABLE = "POD_NAME"
_OUTSIDE = "outside:"  # no pod's name has a colon
_HOLDER = re.compile(
    r"(?P<outside>outside:)?(?P<place>[A-Za-z0-9][A-Za-z0-9.-]*)_(?P<process>[0-9a-f]+)"
)


@dataclass(frozen=True)
class Holder:
    """One process that may hold a Lease.

    ``place`` is its pod's name, or its machine's if ``in_pod`` is False; ``process`` differs for
    each process, so that a restarted container is not taken for its predecessor.
    """

    place: str
    process: str
    in_pod: bool

    @property
    def text(self) -> str:
        """The Lease's ``holderIdentity``."""
        return f"{'' if self.in_pod else _OUTSIDE}{self.place}_{self.process}"

    def same_pod(self, other: Holder) -> bool:
        """Whether ``other`` was an earlier container of the same pod, which has ended therefore.

        Two processes on one machine, outside of any pod, may well live at the same time.
        """
        return self.in_pod and other.in_pod and self.place == other.place


def make_holder(environment: Mapping[str, str], host_name: str, process: str) -> Holder:
    """Name this process: by ``POD_NAME`` (the downward API sets it), else by its machine.

    Args:
        environment: the process's environment variables.
        host_name: the machine's name.
        process: a random id in hexadecimal digits, of this process alone.
    """
    pod = environment.get(POD_NAME_VARIABLE, "")
    plain = re.sub(r"[^A-Za-z0-9.-]", "-", pod or host_name).lstrip(".-") or "unknown"
    return Holder(plain, process, in_pod=bool(pod))


def holder_of(lease: dict[str, Any]) -> Holder | None:
    """Who holds it; None if nobody does.

    A text that no node wrote is taken for a process outside of any pod: nothing can be found out
    about it, so it is waited for.
    """
    text = (lease.get("spec") or {}).get("holderIdentity") or ""
    if not text:
        return None
    match = _HOLDER.fullmatch(text)
    if match is None:
        return Holder(text, "", in_pod=False)
    return Holder(match["place"], match["process"], in_pod=match["outside"] is None)


def seconds_of(lease: dict[str, Any]) -> float:
    """For how long after its last renewal it is held; 0 if it does not say."""
    return float((lease.get("spec") or {}).get("leaseDurationSeconds") or 0)


def mark_of(lease: dict[str, Any]) -> tuple[str, str]:
    """What differs after each renewal, and only then or when somebody edits it."""
    renewed = (lease.get("spec") or {}).get("renewTime") or ""
    return str(lease["metadata"].get("resourceVersion", "")), str(renewed)


def build_lease(names: Identity, namespace: str) -> dict[str, Any]:
    """Make a node's Lease; nobody holds it yet: ``taken`` fills in who does."""
    labels = {
        identity.LABEL_PART_OF: identity.PART_OF,
        identity.LABEL_COMPONENT: identity.COMPONENT_NODE,
        identity.LABEL_MANAGED_BY: identity.PART_OF,
        identity.LABEL_NODE: names.node_label,
    }
    metadata = {"name": names.node_label, "namespace": namespace, "labels": labels}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}


def taken(lease: dict[str, Any], holder: Holder, seconds: int, now: datetime) -> dict[str, Any]:
    """The Lease as ``holder`` writes it when taking it; other fields stay as they are."""
    before = lease.get("spec") or {}
    transitions = int(before.get("leaseTransitions") or 0) + (1 if before else 0)
    return _with_spec(
        lease,
        holderIdentity=holder.text,
        leaseDurationSeconds=seconds,
        acquireTime=micro_time(now),
        renewTime=micro_time(now),
        leaseTransitions=transitions,
    )


def renewed(lease: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The Lease as its holder writes it to keep it."""
    return _with_spec(lease, renewTime=micro_time(now))


def released(lease: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The Lease as its holder writes it when it ends, so that the next need not wait."""
    return _with_spec(lease, holderIdentity="", renewTime=micro_time(now))


def _with_spec(lease: dict[str, Any], **fields: Any) -> dict[str, Any]:
    changed = copy.deepcopy(lease)
    changed["spec"] = (changed.get("spec") or {}) | fields
    return changed


def micro_time(moment: datetime) -> str:
    """Kubernetes' MicroTime: UTC, always six decimals."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
