"""Files that lie where they must not, as far as this machine shows it: by links and mounts.

``config/places.py`` compares paths as they are written; here the files themselves are compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from node_poc.config.model import Database, NodeConfig
from node_poc.config.places import overlap


def misplaced_files(config: NodeConfig) -> Iterator[str]:
    """Tell each database that is, holds or lies in ``task_dir`` by links or mounts."""
    task_dir = Path(config.task_dir)
    if config.kubernetes.storage.mode == "pvc":
        return
    for index, database in _files(config):
        path = Path(database.path)
        if _is_within(path, task_dir):
            told = overlap("/tasks/a", "/tasks")
        elif _is_within(task_dir, path):
            told = overlap("/a", "/a/tasks")
        else:
            continue
        yield f"databases[{index}].uri: by a link or mount of this machine it {told}"


def readable_secrets(config: NodeConfig, file: Path) -> Iterator[str]:
    """Tell each database that holds the configuration file or the private key.

    Args:
        config: as loaded from ``file``.
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
    """Whether a file or folder is another one or lies in it; what cannot be seen does not."""
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
