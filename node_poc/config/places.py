"""PURE: databases that overlap with ``task_dir``, where others could read or remove files.

A run with access to a folder that contains ``task_dir`` can read inputs, tokens and results of
every run. Files in ``task_dir`` are in reach of runs, and the node removes old files there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from node_poc.config.model import NodeConfig


def misplaced(config: NodeConfig) -> Iterator[str]:
    """Yield each database inside of ``task_dir``, equal to it, or above it."""
    storage = config.kubernetes.storage
    if storage.mode == "pvc" and storage.claim == storage.databases_claim:
        yield (
            "kubernetes.storage.databases_claim: is the claim of task_dir, so that runs could read "
            "each other's files; make a claim of its own for the databases"
        )
    for index, database in enumerate(config.databases):
        if database.is_service:
            continue
        if problem := overlap(database.path, config.task_dir):
            yield f"databases[{index}].uri: {problem}"


def overlap(database: str, task_dir: str) -> str | None:
    """Return why a database must not have this path, with the remedy; None if it may.

    Args:
        database: path of its file or folder.
        task_dir: path of the folder of all runs.
    """
    one, other = PurePosixPath(database), PurePosixPath(task_dir)
    remedy = "keep databases and task_dir in folders of their own, side by side"
    if one == other:
        return f"is task_dir, where the files of all runs lie; {remedy}"
    if one.is_relative_to(other):
        return f"lies in task_dir, where runs write and the node removes what is old; {remedy}"
    if other.is_relative_to(one):
        return f"holds task_dir, so that a run could read the files of all runs; {remedy}"
    return None
