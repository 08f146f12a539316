"""A data station whose files lie in volume claims (`kubernetes.storage.mode: pvc`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DATABASES_ROOT = "/databases"
TASK_DIR = "/tasks"
STORAGE_CLASS = "v6-test-claims"
_SIZE = "1Gi"
#: By the path of a file in the node's pod: its text, from a ConfigMap or a Secret of the site.
SITE_FILES = {"/site/note": "a note", "/site-secret/word": "a word"}


def volumes(prefix: str, namespace: str, folders: dict[str, Path]) -> list[dict[str, Any]]:
    """Make each folder of the machine a volume for the claim with the same key.

    The node's own objects contain the claims, of a class that nobody else uses.

    The volumes are of the kind ``local``: unlike ``hostPath`` volumes they are given to the pod's
    group, as a data station's storage class does. Their names begin with ``prefix``, as volumes
    belong to no namespace.
    """
    made = []
    for key, folder in folders.items():
        name = f"{prefix}-{key}"
        common = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": STORAGE_CLASS,
            "volumeMode": "Filesystem",
        }
        volume = common | {
            "capacity": {"storage": _SIZE},
            "claimRef": {"name": key, "namespace": namespace},
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [_ANY_MACHINE]}},
            "persistentVolumeReclaimPolicy": "Retain",
        }
        made += [_object("PersistentVolume", {"name": name}, volume)]
    return made


def site_objects(namespace: str) -> list[dict[str, Any]]:
    """Return the objects with ``SITE_FILES``."""
    shown, secret = SITE_FILES.values()
    config_map, word = (
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": "site", "namespace": namespace}}
        for kind in ("ConfigMap", "Secret")
    )
    return [config_map | {"data": {"note": shown}}, word | {"stringData": {"word": secret}}]


#: All machines of the dev cluster see the same folders.
_ANY_MACHINE = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}


def _object(kind: str, metadata: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}


def lie_in_claims(config: dict[str, Any], tasks: str, databases: str) -> None:
    """Change a node's configuration so that the node's folders are these two claims."""
    config["task_dir"] = TASK_DIR
    for database in config["databases"]:
        database["uri"] = f"{DATABASES_ROOT}/{Path(database['uri']).name}"
    config["node_extra_mounts"] = ["configmap/site:/site", "secret/site:/site-secret:ro"]
    # Other nodes in the same namespace use folders of the machine.
    config["kubernetes"]["pod_security"] = "privileged"
    config["kubernetes"]["storage"] = {
        "mode": "pvc",
        "claim": tasks,
        "databases_claim": databases,
        "databases_root": DATABASES_ROOT,
        "size": _SIZE,
        "databases_size": _SIZE,
        "storage_class": STORAGE_CLASS,
        "access_mode": "ReadWriteOnce",
    }
