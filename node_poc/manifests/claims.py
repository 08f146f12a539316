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
    storage = config.kubernetes.storage
    if storage.mode != "pvc" or storage.access_mode != "ReadWriteOnce":
        return None
    labels = {
        identity.LABEL_COMPONENT: identity.COMPONENT_NODE,
        identity.LABEL_NODE: Identity(config.kubernetes.node_name).node_label,
    }
    return {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
