"""A data station whose files lie in volume claims (`kubernetes.storage.mode: pvc`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DATABASES_ROOT = "/databases"
TASK_DIR = "/tasks"
_SIZE = "1Gi"


def claims(prefix: str, namespace: str, folders: dict[str, Path]) -> list[dict[str, Any]]:
    """Make each folder of the machine a volume, and a claim for the volume under the same key.

    The volumes are of the kind ``local``: unlike ``hostPath`` volumes they are given to the pod's
    group, as a data station's storage class does. Their names begin with ``prefix``, as volumes
    belong to no namespace.
    """
    made = []
    for key, folder in folders.items():
        name = f"{prefix}-{key}"
        common = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "volumeMode": "Filesystem",
        }
        volume = common | {
            "capacity": {"storage": _SIZE},
            "claimRef": {"name": key, "namespace": namespace},
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [_ANY_MACHINE]}},
            "persistentVolumeReclaimPolicy": "Retain",
        }
        claim = common | {"volumeName": name, "resources": {"requests": {"storage": _SIZE}}}
        made += [_object("PersistentVolume", {"name": name}, volume)]
        made += [_object("PersistentVolumeClaim", {"name": key, "namespace": namespace}, claim)]
    return made


#: All machines of the dev cluster see the same folders.
_ANY_MACHINE = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}


def _object(kind: str, metadata: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}


def lie_in_claims(config: dict[str, Any], tasks: str, databases: str) -> None:
    """Change a node's configuration so that the node's folders are these two claims."""
    config["task_dir"] = TASK_DIR
    for database in config["databases"]:
        database["uri"] = f"{DATABASES_ROOT}/{Path(database['uri']).name}"
    config["kubernetes"]["storage"] = {
        "mode": "pvc",
        "claim": tasks,
        "databases_claim": databases,
        "databases_root": DATABASES_ROOT,
    }
