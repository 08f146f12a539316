"""PURE: changes of a configuration for kinds of clusters and storage, each known by a name."""

from __future__ import annotations

import copy
import posixpath
from collections.abc import Callable
from typing import Any

Data = dict[str, Any]
# The site changes the sizes in its own file.
_CLAIMS = {
    "claim": "tasks",
    "databases_claim": "databases",
    "size": "50Gi",
    "databases_size": "10Gi",
}
_ROOT = "databases_root"


class OverlayError(ValueError):
    """An overlay does not fit a configuration. The text names the key and the remedy."""


def with_overlays(data: Data, names: list[str]) -> Data:
    """Return the values of a configuration file, changed by ``OVERLAYS`` of these names in turn.

    Raises:
        OverlayError: an overlay does not fit.
    """
    changed = copy.deepcopy(data)
    for name in names:
        _, change = OVERLAYS[name]
        change(changed)
    return changed


def _claims(data: Data, **more: str) -> None:
    """Put all storage into claims. Keys of the file stay, except for the mode."""
    kubernetes = _section(data, "kubernetes")
    given = {k: v for k, v in (kubernetes.get("storage") or {}).items() if v is not None}
    root = {} if _ROOT in given else _root(data)
    kubernetes["storage"] = {**_CLAIMS, **root, **more, **given, "mode": "pvc"}


def _root(data: Data) -> Data:
    """Return the folder that all databases share: their paths stay, and the claim lies there."""
    uris = [str(each.get("uri", "")) for each in data.get("databases") or []]
    folders = [posixpath.dirname(uri.rstrip("/")) for uri in uris if uri.startswith("/")]
    if not folders:
        return {}
    root = posixpath.commonpath(folders)
    if root == "/":
        raise OverlayError(
            "databases: their paths share no folder, which would be the place of the claim; set "
            "kubernetes.storage.databases_root, and move the databases below it"
        )
    return {_ROOT: root}


def _local_path(data: Data) -> None:
    _claims(data, storage_class="local-path", access_mode="ReadWriteOnce")


def _microk8s(data: Data) -> None:
    _claims(data, storage_class="microk8s-hostpath", access_mode="ReadWriteOnce")


def _openshift(data: Data) -> None:
    _claims(data)
    security = _section(_section(data, "kubernetes"), "security")
    security.pop("run_as_user", None)
    security["users"] = dict.fromkeys(("algorithms", "node", "proxy"), "cluster")


def _gpu(data: Data) -> None:
    _section(data, "algorithm_device_requests")["gpu"] = True


def _section(data: Data, key: str) -> Data:
    data[key] = data.get(key) or {}
    section: Data = data[key]
    return section


#: By name: a line for people, and the function that changes the values of a file.
OVERLAYS: dict[str, tuple[str, Callable[[Data], None]]] = {
    "k3s": ("claims of the class local-path, on one machine at a time", _local_path),
    "microk8s": ("claims of the class microk8s-hostpath, on one machine at a time", _microk8s),
    "openshift": ("claims, and users that the cluster chooses (restricted-v2)", _openshift),
    "pvc": ("claims of the cluster's default class", _claims),
    "gpu": ("GPUs for each run: kubernetes.resources.gpus of gpu_resource", _gpu),
}
