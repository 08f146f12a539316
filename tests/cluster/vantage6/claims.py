"""A data station whose files lie in volume claims, at other paths than on the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from devstation.storage import SIZE, local_volume

DATABASES_ROOT = "/databases"
TASK_DIR = "/tasks"
STORAGE_CLASS = "v6-test-claims"
#: By the path of a file in the node's pod: its text, from a ConfigMap or a Secret of the site.
SITE_FILES = {"/site/note": "a note", "/site-secret/word": "a word"}


def volumes(namespace: str, folders: dict[str, Path]) -> list[dict[str, Any]]:
    """Make each folder of the machine a volume for the claim with the same key.

    The node's own objects contain the claims, of a class that nobody else uses.
    """
    return [
        local_volume(namespace, claim, folder, STORAGE_CLASS) for claim, folder in folders.items()
    ]


def site_objects(namespace: str) -> list[dict[str, Any]]:
    """Return the objects with ``SITE_FILES``."""
    shown, secret = SITE_FILES.values()
    config_map, word = (
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": "site", "namespace": namespace}}
        for kind in ("ConfigMap", "Secret")
    )
    return [config_map | {"data": {"note": shown}}, word | {"stringData": {"word": secret}}]


def lie_in_claims(config: dict[str, Any], tasks: str, databases: str) -> None:
    """Change a node's configuration so that the node's folders are these two claims."""
    config["task_dir"] = TASK_DIR
    for database in config["databases"]:
        database["uri"] = f"{DATABASES_ROOT}/{Path(database['uri']).name}"
    config["node_extra_mounts"] = ["configmap/site:/site", "secret/site:/site-secret:ro"]
    config["kubernetes"]["storage"] = {
        "mode": "pvc",
        "claim": tasks,
        "databases_claim": databases,
        "databases_root": DATABASES_ROOT,
        "size": SIZE,
        "databases_size": SIZE,
        "storage_class": STORAGE_CLASS,
        "access_mode": "ReadWriteOnce",
    }
