"""PURE: how a vantage6 node gets the column names of its csv files without access to the data.

An init container opens the files, judges their first rows and writes the column names into a folder
of the pod; the node's container mounts no database. The init container mounts the folders around
the files, not the single files: a mount of a missing file would keep the pod from starting, or
would create a folder in the place where somebody later wants to put the data.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from node_poc.config.model import DatabaseType, NodeConfig

NAME = "read-column-names"
VARIABLE = "V6_COLUMNS_FILE"
_ROOT = "/tables"
_FOLDER = "/run/v6-columns"
_FILE = f"{_FOLDER}/columns.json"
_VOLUME = "columns"

Object = dict[str, Any]


def add_column_names(pod: Object, config: NodeConfig) -> None:
    """Add the init container, its volumes, and the node's mount of the column names.

    Change nothing if ``share_config`` is off or there is no csv database.

    Args:
        pod: pod of the node, with its one container and its volumes complete.
        config: configuration of the node.
    """
    volumes, tables = _tables(config)
    if not tables:
        return
    (container,) = pod["containers"]
    file = [mount for mount in container["volumeMounts"] if mount["name"] == "config"]
    init = {
        "name": NAME,
        "image": container["image"],
        "imagePullPolicy": container["imagePullPolicy"],
        "args": ["columns", "--root", _ROOT, "--output", _FILE],
        "env": [each for each in container["env"] if _concerns_tables(each["name"])],
        "securityContext": container["securityContext"],
        "resources": container["resources"],
        "volumeMounts": [*file, {"name": _VOLUME, "mountPath": _FOLDER}, *tables],
    }
    pod["initContainers"] = [*pod.get("initContainers", []), init]
    pod["volumes"] = [
        *pod["volumes"],
        {"name": _VOLUME, "emptyDir": {"sizeLimit": "16Mi"}},
        *volumes,
    ]
    container["env"] = [*container["env"], {"name": VARIABLE, "value": _FILE}]
    mount = {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}
    container["volumeMounts"] = [*container["volumeMounts"], mount]


def _concerns_tables(variable: str) -> bool:
    """Return whether the configuration needs the variable; the others are for the node only."""
    return variable.startswith("V6_") or variable.endswith("_DATABASE_URI")


def _tables(config: NodeConfig) -> tuple[list[Object], list[Object]]:
    """Return (volumes, mounts) of the folders around the csv files."""
    storage = config.kubernetes.storage
    paths = [PurePosixPath(d.path) for d in config.databases if d.type is DatabaseType.CSV]
    if not config.share_config or not paths:
        return [], []
    if storage.mode == "pvc":
        claim = {"claimName": storage.databases_claim, "readOnly": True}
        mount = {"name": "databases", "mountPath": _ROOT + storage.databases_root, "readOnly": True}
        return [{"name": "databases", "persistentVolumeClaim": claim}], [mount]
    # Never mount the machine's whole file system: a csv file in the root folder gets no column
    # names.
    folders = {path.parent for path in paths} - {PurePosixPath("/")}
    outermost = sorted(each for each in folders if not folders & set(each.parents))
    volumes, mounts = [], []
    for index, folder in enumerate(map(str, outermost)):
        name = f"tables-{index}"
        volumes.append({"name": name, "hostPath": {"path": folder, "type": "DirectoryOrCreate"}})
        mounts.append({"name": name, "mountPath": _ROOT + folder, "readOnly": True})
    return volumes, mounts
