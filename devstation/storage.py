"""The storage of stations: folders of the machine, or claims of volumes that are these folders.

The claims have the paths of the folders, so that tests look at the same files with both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstation.errors import StationError

Object = dict[str, Any]

#: The environment variable that chooses the storage of tests' stations.
VARIABLE = "STORAGE"
HOST_PATH, CLAIMS = "hostPath", "claims"
#: A class without provisioner, which nobody else uses.
STORAGE_CLASS = "v6-station"
SIZE = "1Gi"
#: All machines of the dev cluster see the same folders.
_ANY_MACHINE = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}


def are_claims_chosen(environment: Mapping[str, str]) -> bool:
    """Return whether stations are to lie in claims. Raise StationError for an unknown storage."""
    chosen = environment.get(VARIABLE) or HOST_PATH
    if chosen not in {HOST_PATH, CLAIMS}:
        raise StationError(f"{VARIABLE} is {HOST_PATH} or {CLAIMS}, not {chosen!r}")
    return chosen == CLAIMS


def local_volume(namespace: str, claim: str, folder: Path, storage_class: str) -> Object:
    """Return a volume for a claim with ``ReadWriteOnce`` that is a folder of the machine.

    The volume is of the kind ``local``: unlike ``hostPath`` volumes it is given to the pod's group,
    as a data station's storage class does. Its name begins with the namespace, as volumes belong to
    no namespace.
    """
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{namespace}-{claim}"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "volumeMode": "Filesystem",
            "capacity": {"storage": SIZE},
            "claimRef": {"name": claim, "namespace": namespace},
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [_ANY_MACHINE]}},
            "persistentVolumeReclaimPolicy": "Retain",
        },
    }


@dataclass(frozen=True)
class Claims:
    """The two claims of a station.

    Attributes:
        namespace: the namespace of the claims.
        prefix: begins the names of the claims; stations of one namespace need different ones.
        tasks: the folder that is ``task_dir``.
        databases: the folder with all databases that are files.
    """

    namespace: str
    prefix: str
    tasks: Path
    databases: Path

    @property
    def names(self) -> tuple[str, str]:
        """The names of both claims: of ``task_dir`` and of the databases."""
        return f"{self.prefix}-tasks", f"{self.prefix}-databases"

    def configure(self, config: dict[str, Any]) -> None:
        """Change a node's configuration: its folders are the claims, at the same paths."""
        tasks, databases = self.names
        config["kubernetes"].setdefault("storage", {}).update(
            {
                "mode": "pvc",
                "claim": tasks,
                "databases_claim": databases,
                "databases_root": str(self.databases),
                "size": SIZE,
                "databases_size": SIZE,
                "storage_class": STORAGE_CLASS,
                "access_mode": "ReadWriteOnce",
            }
        )

    def volumes(self) -> list[Object]:
        """Return the volumes that the claims get."""
        folders = zip(self.names, (self.tasks, self.databases), strict=True)
        return [local_volume(self.namespace, *each, STORAGE_CLASS) for each in folders]
