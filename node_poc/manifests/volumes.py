"""PURE: the volumes and mounts of a run, for hostPath folders or PersistentVolumeClaims.

All files of runs lie below one root folder, ``task_dir``. A pod mounts single files and folders of
the root by subPath, never the root itself:

    <task_dir>/<run_id>/          one run: output/, its files, and the node's own record of it
    <task_dir>/tmp/<name>/        shared by runs that name the same temporary volume
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from node_poc.config.model import NodeConfig
from node_poc.runs.model import Mount, MountSource, RunSpec

SHARED_FOLDER = "tmp"
_TASKS_VOLUME = "tasks"
_DATABASES_VOLUME = "databases"
_SCRATCH_VOLUME = "scratch"


def sub_path(mount: Mount, run_id: int) -> str:
    """Return the path of a run's own or shared mount, relative to ``task_dir``.

    Raises:
        ValueError: the mount does not lie in ``task_dir``.
    """
    if mount.source is MountSource.RUN:
        return f"{run_id}/{mount.name}"
    if mount.source is MountSource.SHARED:
        return f"{SHARED_FOLDER}/{mount.name}"
    raise ValueError(f"a {mount.source} mount does not lie in task_dir")


def build_volumes(
    spec: RunSpec, config: NodeConfig
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return (volumes of the pod, volumeMounts of the container)."""
    volumes = [_tasks_volume(config)]
    mounts = []
    for index, mount in enumerate(spec.mounts):
        if mount.source is MountSource.DATABASE:
            volume, volume_mount = _database(mount, index, config)
            if volume not in volumes:
                volumes.append(volume)
        else:
            volume_mount = {"name": _TASKS_VOLUME, "subPath": sub_path(mount, spec.run_id)}
        mounts.append(volume_mount | {"mountPath": mount.path} | _access(mount, config))
    if config.kubernetes.security.read_only_root_filesystem:
        size = config.kubernetes.resources.ephemeral_storage
        volumes.append({"name": _SCRATCH_VOLUME, "emptyDir": {"sizeLimit": size}})
        mounts.append({"name": _SCRATCH_VOLUME, "mountPath": "/tmp", "readOnly": False})  # noqa: S108
    return volumes, mounts


# The values of ``recursiveReadOnly`` in a volumeMount. Without support of the container runtime,
# the kubelet ignores IfPossible, and starts no container with Enabled.
RECURSIVE_READ_ONLY = {"auto": "IfPossible", "on": "Enabled"}


def _access(mount: Mount, config: NodeConfig) -> dict[str, Any]:
    """Return the access mode of a mount, and of mounts that the site has below the mount."""
    access: dict[str, Any] = {"readOnly": mount.read_only}
    choice = config.kubernetes.pods.recursive_read_only
    is_database = mount.read_only and mount.source is MountSource.DATABASE
    if is_database and choice in RECURSIVE_READ_ONLY:
        access["recursiveReadOnly"] = RECURSIVE_READ_ONLY[choice]
    return access


def _tasks_volume(config: NodeConfig) -> dict[str, Any]:
    storage = config.kubernetes.storage
    if storage.mode == "pvc":
        return {"name": _TASKS_VOLUME, "persistentVolumeClaim": {"claimName": storage.claim}}
    return {
        "name": _TASKS_VOLUME,
        "hostPath": {"path": config.task_dir, "type": "Directory"},
    }


def _database(
    mount: Mount, index: int, config: NodeConfig
) -> tuple[dict[str, Any], dict[str, Any]]:
    database = config.database(mount.name)
    if database is None:
        raise ValueError(f"no database {mount.name!r}: admission lets no such run pass")
    storage = config.kubernetes.storage
    if storage.mode == "pvc":
        claim = {"claimName": storage.databases_claim, "readOnly": True}
        volume = {"name": _DATABASES_VOLUME, "persistentVolumeClaim": claim}
        inside = PurePosixPath(database.path).relative_to(storage.databases_root)
        return volume, {"name": _DATABASES_VOLUME, "subPath": str(inside)}
    name = f"database-{index}"
    kind = "Directory" if database.is_folder else "File"
    return {"name": name, "hostPath": {"path": database.path, "type": kind}}, {"name": name}
