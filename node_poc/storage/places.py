"""Find misplaced files by links and mounts, as far as they are visible on this machine.

``config/places.py`` compares paths as text; this module compares the files themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from node_poc.config.model import Database, NodeConfig
from node_poc.config.places import overlap


def misplaced_files(config: NodeConfig) -> Iterator[str]:
    """Yield a message for each database that is, holds or is in ``task_dir`` by links or mounts."""
    task_dir = Path(config.task_dir)
    if config.kubernetes.storage.mode == "pvc":
        return
    for index, database in _files(config):
        path = Path(database.path)
        if _is_within(path, task_dir):
            overlapping = overlap("/tasks/a", "/tasks")
        elif _is_within(task_dir, path):
            overlapping = overlap("/a", "/a/tasks")
        else:
            continue
        yield f"databases[{index}].uri: by a link or mount of this machine it {overlapping}"


def readable_secrets(config: NodeConfig, file: Path) -> Iterator[str]:
    """Yield a message for each database that holds a secret of the node.

    Secrets are the configuration file, the private key and ``docker_config_file``.

    Args:
        config: the configuration, loaded from ``file``.
        file: the configuration file.
    """
    secrets = {"this configuration file": file}
    if config.encryption.enabled:
        secrets["the private key"] = file.parent / config.encryption.key_file
    if config.kubernetes.docker_config_file:
        secrets["kubernetes.docker_config_file"] = Path(config.kubernetes.docker_config_file)
    for index, database in _files(config):
        for name, secret in secrets.items():
            if _is_within(secret, Path(database.path)):
                yield (
                    f"databases[{index}].uri: holds {name}, which each run that asks for the "
                    "database could read; move one of them"
                )


def _files(config: NodeConfig) -> Iterator[tuple[int, Database]]:
    for index, database in enumerate(config.databases):
        if not database.is_service:
            yield index, database


def _is_within(path: Path, folder: Path) -> bool:
    """Return whether ``path`` is ``folder`` or below; False if ``folder`` cannot be read."""
    try:
        outer = folder.stat()
    except OSError:
        return False
    real = Path(os.path.realpath(path))
    for each in (real, *real.parents):
        try:
            if os.path.samestat(each.stat(), outer):
                return True
        except OSError:
            continue
    return False
