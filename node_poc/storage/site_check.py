"""Findings of ``check`` about the files that the configuration names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from node_poc.config.findings import Finding, error, warning
from node_poc.config.model import Database, DatabaseType, NodeConfig
from node_poc.storage.columns import Columns, read_columns
from node_poc.storage.places import misplaced_files, readable_secrets
from node_poc.storage.readability import Readability, ReadCheck, Reader, check_readable

# Group of the node's own pod, also the group of run folders and of algorithms.
_STORAGE_GROUP = 10001
_ELSEWHERE = "if pods run on other machines only, use `check --elsewhere`"
_SHOWN = 40
_KINDS = {True: "a folder", False: "a file"}


def look_at_places(config: NodeConfig, file: Path) -> Iterator[Finding]:
    """Yield errors for databases that overlap with ``task_dir``, or hold secrets."""
    for text in (*misplaced_files(config), *readable_secrets(config, file)):
        yield error(text)


def look_at_files(config: NodeConfig, _: Path) -> Iterator[Finding]:
    """Yield findings for databases that are missing, or closed to the user of algorithms."""
    user = config.kubernetes.security.run_as_user
    if config.kubernetes.storage.mode == "pvc" or user is None:
        return  # a claim's files are not visible here; the image's user is not known
    reader = Reader(user, frozenset({_STORAGE_GROUP}))
    for index, database in enumerate(config.databases):
        if database.is_service:
            continue
        check = check_readable(Path(database.path), reader, is_folder=database.is_folder)
        if found := _finding(check, f"databases[{index}].uri: {database.path}", database, user):
            yield found


def _finding(check: ReadCheck, named: str, database: Database, user: int) -> Finding | None:
    kind = _KINDS[database.is_folder]
    if check.readability is Readability.MISSING:
        return error(f"{named} is not there; put {kind} there, or correct the path; {_ELSEWHERE}")
    if check.readability is Readability.WRONG_KIND:
        return error(f"{named} is not {kind}, as type {database.type} needs; correct path or type")
    if check.readability is Readability.CLOSED:
        return error(
            f"{named} cannot be read by user {user}, as which algorithms run: {check.place} is "
            f"closed to it; open it to algorithms (`chgrp {_STORAGE_GROUP} {check.place} && chmod "
            f"g+rX {check.place}`), or to everybody (`{check.remedy}`)"
        )
    if check.readability is Readability.FOLDER_ABOVE_CLOSED:
        return warning(
            f"{named} lies below {check.place}, which is closed to user {user}; algorithms reach "
            f"it all the same on a disk of the machine, and not on a network disk; `{check.remedy}`"
        )
    if check.readability is Readability.UNKNOWN:
        return warning(
            f"{named} cannot be seen from here, so nothing is known of it; {kind} that user {user} "
            "may read must be there on each machine where pods run: use `check` there as root"
        )
    return None


def facts_for_the_server(config: NodeConfig) -> Iterator[str]:
    """Yield what the node tells the server about each database (``share_config``)."""
    if not config.kind.is_told_of_databases:
        return
    if not config.share_config:
        yield "the server is told nothing of the databases (share_config: false)"
        return
    for database in config.databases:
        head = f"the server is told of {database.label!r}: its type, {database.type}"
        if database.type is not DatabaseType.CSV:
            yield f"{head}; no column names, as of every type but csv"
            continue
        is_header = config.kubernetes.csv_header.get(database.label)
        yield f"{head}; {_columns(database, read_columns(Path(database.path), is_header))}"


def _columns(database: Database, columns: Columns) -> str:
    if not os.path.exists(database.path):  # noqa: PTH110  false where one may not look
        return "its column names if its first row is a header, which cannot be seen from here"
    if columns.withheld is None:
        shown = ", ".join(map(repr, columns.names[:_SHOWN]))
        more = f" and {len(columns.names) - _SHOWN} more" if len(columns.names) > _SHOWN else ""
        return f"{len(columns.names)} column names: {shown}{more}"
    mend = ""
    if columns.is_doubtful:
        mend = (
            "; if it is a header, write kubernetes.csv_header: "
            f"{{{database.label}: true}}, else put one above it"
        )
    return f"no column names: {columns.withheld}{mend}"
