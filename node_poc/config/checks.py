"""PURE: rules between the sections of the configuration; each broken rule names the YAML path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from node_poc.config.api_key import rule_broken_by
from node_poc.config.databases import DatabaseType
from node_poc.config.places import misplaced

if TYPE_CHECKING:
    from node_poc.config.model import NodeConfig

# Names of folders where a vantage6 algorithm finds its own files; no database may take these names.
_TAKEN = {"data", "tmp"}
_NEED_A_USER = ("allowed_users", "allowed_organizations", "allowed_algorithm_stores")


def broken_rules(config: NodeConfig) -> Iterator[str]:
    """Yield each broken rule: path, rule, remedy."""
    if config.kubernetes.server_kind == "dummy":
        yield from _dummy(config)
    else:
        yield from _vantage6(config)
    yield from _claims(config)
    yield from misplaced(config)
    yield from _egress(config)
    yield from _headers(config)


def _dummy(config: NodeConfig) -> Iterator[str]:
    for name in _NEED_A_USER:
        if getattr(config.policies, name) is not None:
            yield (
                f"policies.{name}: cannot be kept, because the dummy server tells neither user nor "
                "store; remove it, or use a vantage6 server"
            )
    for index, database in enumerate(config.databases):
        if database.is_service:
            yield (
                f"databases[{index}].uri: must be an absolute path, because the dummy server's "
                "algorithms read files only"
            )


def _vantage6(config: NodeConfig) -> Iterator[str]:
    if told := rule_broken_by(config.api_key or ""):
        yield f"api_key: {told}"
    if not config.api_key:
        yield "api_key: is required by a vantage6 server; add it, or set V6_API_KEY"
    for index, database in enumerate(config.databases):
        path = f"databases[{index}]"
        suffix = "" if database.is_folder else PurePosixPath(database.path).suffix
        if database.label == "data" or (
            not database.is_service and database.label in _TAKEN and not suffix
        ):
            yield f"{path}.label: {database.label!r} is taken by vantage6; choose another"
        unknown = database.is_service and config.service(database) is None
        if unknown and database.type is not DatabaseType.OTHER:
            yield (
                f"{path}.uri: names no host and port (or more than one); write "
                "scheme://host:port/name, or give them in "
                f"kubernetes.databases_egress.{database.label}"
            )


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


def _egress(config: NodeConfig) -> Iterator[str]:
    for label in config.kubernetes.databases_egress:
        database = config.database(label)
        path = f"kubernetes.databases_egress.{label}"
        if database is None:
            yield f"{path}: there is no database of this label; check its spelling"
        elif config.kubernetes.server_kind == "dummy":
            yield f"{path}: the dummy server's algorithms reach the proxy only; remove it"
        elif config.service(database) is None:
            yield f"{path}: host (or address) and port must both be known; add what is missing"


def _headers(config: NodeConfig) -> Iterator[str]:
    for label in config.kubernetes.csv_header:
        database = config.database(label)
        path = f"kubernetes.csv_header.{label[:80]}"
        if database is None:
            yield f"{path}: there is no database of this label; check its spelling"
        elif database.type is not DatabaseType.CSV:
            yield f"{path}: this database is not of type csv; remove it"
