"""PURE: rules between the sections of the configuration; each broken rule names the YAML path.

The rules of one kind of server are in ``kinds/``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from node_poc.config.databases import DatabaseType
from node_poc.config.places import misplaced

if TYPE_CHECKING:
    from node_poc.config.model import NodeConfig


def broken_rules(config: NodeConfig) -> Iterator[str]:
    """Yield each broken rule: path, rule, remedy."""
    yield from config.kind.broken_rules(config)
    yield from _claims(config)
    yield from _users(config)
    yield from misplaced(config)
    yield from _egress(config)
    yield from _headers(config)


def _claims(config: NodeConfig) -> Iterator[str]:
    storage = config.kubernetes.storage
    root = PurePosixPath(storage.databases_root)
    if storage.mode != "pvc":
        return
    for index, database in enumerate(config.databases):
        inside = database.is_service or PurePosixPath(database.path).is_relative_to(root)
        if not inside:
            yield (
                f"databases[{index}].uri: must lie below kubernetes.storage.databases_root, {root}"
            )


def _users(config: NodeConfig) -> Iterator[str]:
    security, path = config.kubernetes.security, "kubernetes.security.users"
    is_fixed = security.are_users_fixed("algorithms")
    if is_fixed != security.are_users_fixed("node"):
        yield (
            f"{path}: algorithms and node share the files of runs, so both need the same value; "
            "set both to cluster, or none"
        )
    elif not is_fixed and config.kubernetes.storage.mode != "pvc":
        yield (
            f"{path}: with cluster, the cluster's user may not write to a folder of the machine; "
            "set kubernetes.storage.mode to pvc"
        )
    if not is_fixed and "run_as_user" in security.model_fields_set:
        yield (
            "kubernetes.security.run_as_user: has no effect if the cluster chooses the users of "
            f"algorithms; remove it, or {path}"
        )


def _egress(config: NodeConfig) -> Iterator[str]:
    for label in config.kubernetes.databases_egress:
        if config.database(label) is None:
            yield (
                f"kubernetes.databases_egress.{label}: there is no database of this label; check "
                "its spelling"
            )


def _headers(config: NodeConfig) -> Iterator[str]:
    for label in config.kubernetes.csv_header:
        database = config.database(label)
        path = f"kubernetes.csv_header.{label[:80]}"
        if database is None:
            yield f"{path}: there is no database of this label; check its spelling"
        elif database.type is not DatabaseType.CSV:
            yield f"{path}: this database is not of type csv; remove it"
