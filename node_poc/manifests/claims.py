"""PURE: the PersistentVolumeClaims of a node, as far as the site has set sizes."""

from __future__ import annotations

from typing import Any

from node_poc.config.model import NodeConfig
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity


def build_claims(config: NodeConfig) -> list[dict[str, Any]]:
    """Return a claim for each size in the configuration; a claim without size is the site's own."""
    storage = config.kubernetes.storage
    if storage.mode != "pvc":
        return []
    sizes = {storage.claim: storage.size, storage.databases_claim: storage.databases_size}
    return [_claim(config, name, size) for name, size in sizes.items() if name and size]


def _claim(config: NodeConfig, name: str, size: str) -> dict[str, Any]:
    storage = config.kubernetes.storage
    spec: dict[str, Any] = {
        "accessModes": [storage.access_mode],
        "resources": {"requests": {"storage": size}},
    }
    if storage.storage_class is not None:  # left out, the cluster's default class applies
        spec["storageClassName"] = storage.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "namespace": config.kubernetes.namespace,
            "labels": Identity(config.kubernetes.node_name).own_labels,
        },
        "spec": spec,
    }


def beside_the_node(config: NodeConfig) -> dict[str, Any] | None:
    """Return the ``podAffinity`` term of runs whose volume only one machine can mount at a time.

    Without the term, Kubernetes places a run on any machine, where the run then waits for a volume
    that the node's machine holds. None if runs may go anywhere.
    """
    return _beside(config, identity.COMPONENT_NODE)


def beside_the_runs(config: NodeConfig) -> dict[str, Any] | None:
    """Return the preferred ``podAffinity`` term of the node's pod; None as ``beside_the_node``.

    While runs go on, their machine holds the volume: a new pod of the node on another machine would
    wait for the volume until the last run has ended. Without runs, the pod may go anywhere.
    """
    term = _beside(config, identity.COMPONENT_ALGORITHM)
    return None if term is None else {"weight": 100, "podAffinityTerm": term}


def keep_claims_together(pod: dict[str, Any], config: NodeConfig) -> None:
    """Give the node's pod a volume for the claim of the databases, if one machine must have both.

    No container mounts the volume: the node sees no data. Kubernetes then places the pod where both
    volumes are, and runs find both there; a class that makes volumes for the first pod
    (``WaitForFirstConsumer``) makes both on one machine.
    """
    storage = config.kubernetes.storage
    mounted = (each.get("persistentVolumeClaim") or {} for each in pod["volumes"])
    if not _is_for_one_machine(config):
        return
    if storage.databases_claim not in {claim.get("claimName") for claim in mounted}:
        claim = {"claimName": storage.databases_claim, "readOnly": True}
        volume = {"name": "databases", "persistentVolumeClaim": claim}
        pod["volumes"] = [*pod["volumes"], volume]


def _is_for_one_machine(config: NodeConfig) -> bool:
    storage = config.kubernetes.storage
    return storage.mode == "pvc" and storage.access_mode == "ReadWriteOnce"


def _beside(config: NodeConfig, component: str) -> dict[str, Any] | None:
    if not _is_for_one_machine(config):
        return None
    labels = {
        identity.LABEL_COMPONENT: component,
        identity.LABEL_NODE: Identity(config.kubernetes.node_name).node_label,
    }
    return {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
