"""The claims of a node whose storage is PersistentVolumeClaims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import NotFoundError
from node_poc.commands.doctor.lines import Line, failure, ok, warning
from node_poc.config.model import NodeConfig

_SINGLE = {"ReadWriteOnce", "ReadWriteOncePod"}


def look_at_claims(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Yield the state of each configured claim; nothing with folders. Raises ClusterError."""
    storage = config.kubernetes.storage
    if storage.mode != "pvc":
        return
    space = f"/api/v1/namespaces/{config.kubernetes.namespace}"
    claims = (
        ("claim", storage.claim, "size"),
        ("databases_claim", storage.databases_claim, "databases_size"),
    )
    for key, name, size in claims:
        try:
            claim = api.call("GET", f"{space}/persistentvolumeclaims/{name}")
        except NotFoundError:
            yield failure(
                f"kubernetes.storage.{key}: the claim {name} is missing: no run starts",
                f"make the claim, set kubernetes.storage.{size} and apply the node's objects "
                "again, or name a claim that exists",
            )
        else:
            yield of_claim(key, claim)


def of_claim(key: str, claim: dict[str, Any]) -> Line:
    """Return the finding about a PersistentVolumeClaim."""
    name, status = claim["metadata"]["name"], claim.get("status", {})
    subject = f"kubernetes.storage.{key}: the claim {name}"
    phase = status.get("phase")
    if phase == "Lost":
        return failure(f"{subject} has lost its volume", "restore the volume, or make a new claim")
    storage_class = claim["spec"].get("storageClassName") or "none"
    if phase != "Bound":
        return warning(
            f"{subject} has no volume yet (StorageClass {storage_class}); some classes wait for "
            "the first pod",
            f"if the node's pod waits, see `kubectl describe pvc {name}`",
        )
    modes = set(status.get("accessModes") or claim["spec"].get("accessModes") or [])
    if key == "claim" and modes <= {"ReadOnlyMany"}:
        return failure(f"{subject} is read-only", "use a claim with ReadWriteMany or ReadWriteOnce")
    if "ReadWriteOncePod" in modes:
        return failure(
            f"{subject} is for a single pod, and runs are pods of their own",
            "use a claim with ReadWriteMany or ReadWriteOnce",
        )
    if modes <= _SINGLE:
        return warning(
            f"{subject} is for a single machine (ReadWriteOnce): all runs are placed there",
            "use ReadWriteMany where runs need several machines",
        )
    return ok(f"{subject} is bound ({', '.join(sorted(modes))}, StorageClass {storage_class})")
