"""PURE: how a vantage6 node learns the columns of its csv files without seeing what they hold.

An init container looks at the files, judges their first rows and leaves the names in a folder of
the pod; the node itself mounts no database. It sees the folders around the files and not the files:
a missing file, mounted by itself, keeps the pod from starting, or is made as a folder in the place
where somebody will want to put the data.
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
    """Add the init container, its volumes, and the node's way to what it leaves; nothing if unused.

    Args:
        pod: the node's pod, with its one container and its volumes complete.
        config: the node's.
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
    """Whether the configuration is not complete without it; the rest is the node's own."""
    return variable.startswith("V6_") or variable.endswith("_DATABASE_URI")


def _tables(config: NodeConfig) -> tuple[list[Object], list[Object]]:
    """Return (volumes, mounts) of what lies around the csv files."""
    storage = config.kubernetes.storage
    paths = [PurePosixPath(d.path) for d in config.databases if d.type is DatabaseType.CSV]
    if not config.share_config or not paths:
        return [], []
    if storage.mode == "pvc":
        claim = {"claimName": storage.databases_claim, "readOnly": True}
        mount = {"name": "databases", "mountPath": _ROOT + storage.databases_root, "readOnly": True}
        return [{"name": "databases", "persistentVolumeClaim": claim}], [mount]
    # Not the whole machine: what lies in its root folder has no column names.
    folders = {path.parent for path in paths} - {PurePosixPath("/")}
    outermost = sorted(each for each in folders if not folders & set(each.parents))
    volumes, mounts = [], []
    for index, folder in enumerate(map(str, outermost)):
        name = f"tables-{index}"
        volumes.append({"name": name, "hostPath": {"path": folder, "type": "DirectoryOrCreate"}})
        mounts.append({"name": name, "mountPath": _ROOT + folder, "readOnly": True})
    return volumes, mounts
