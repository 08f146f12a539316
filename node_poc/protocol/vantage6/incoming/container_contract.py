"""PURE: turn a vantage6 run into its container's variables, files and mounts.

For algorithms that were built with vantage6-algorithm-tools 4.x. The Docker node shows more than
the task needs (other runs' folders, databases that no task requested); this node shows only:

    /mnt/data/task-<run id, 9 digits>/input, token   read-only
    /mnt/data/task-<run id, 9 digits>/output         the result
    /mnt/tmp                                         shared by all tasks of one job on this node
    /mnt/<label><suffix>, /mnt/<label>               each requested file or folder, read-only

Every variable but RUN_CONTEXT_FILE is base32 with ``!`` for ``=``, because the tools decode all
variables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from node_poc.audit.events import INIT_USER, METHOD
from node_poc.config.model import Database, NodeConfig
from node_poc.manifests.databases import algorithm_variables, database_variables, encode
from node_poc.manifests.identity import Identity
from node_poc.manifests.whitelist_variables import forward_proxy_variables
from node_poc.protocol.vantage6.origin import ASSIGNED_AT, CREATED_AT, IN_BLOBS, SERVER
from node_poc.protocol.vantage6.run_request import DatabaseRequest, RunRequest
from node_poc.protocol.wire import MessageError
from node_poc.runs.image_names import is_image_name
from node_poc.runs.model import Mount, MountSource, RunFile, RunSpec
from node_poc.runs.status import RunStatus

_DATA = "/mnt/data"
_TMP = "/mnt/tmp"
_OPTIONS = ("query", "sheet_name", "preprocessing")
_CONTEXT = "run_context.json"
# Linux accepts no longer variable, including the name: MAX_ARG_STRLEN is 32 pages.
_MAX_VARIABLE = 32 * 4096 - 2
# etcd accepts objects of up to 1.5 MiB, and the Job's other fields need room as well.
_MAX_VARIABLES = 512 * 1024
# Longer inputs are not searched for the name of the method.
_MAX_JUDGED = 1024 * 1024
_METHOD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}", re.ASCII)


class ContractError(MessageError):
    """The run cannot get a container. ``status`` is the run's final status at the server."""

    def __init__(self, reason: str, status: RunStatus = RunStatus.FAILED) -> None:
        """``reason`` names field, rule and remedy, for the researcher."""
        super().__init__(reason)
        self.status = status


def build_spec(
    request: RunRequest,
    config: NodeConfig,
    input_bytes: bytes,
    token: str,
    node_id: int | None = None,
) -> RunSpec:
    """Return the run in the form that the engine starts.

    Args:
        request: the listed run.
        config: the node's configuration.
        input_bytes: the task's input, decrypted.
        token: the container's token for the server, as the proxy accepts it.
        node_id: the node's id at the server, for the run context file.

    Raises:
        ContractError: the run requests something that this node lacks or cannot show to a
            container.
    """
    if not is_image_name(request.image):
        raise ContractError(
            "image: must be an image name such as registry.example/group/name:tag",
            RunStatus.NO_DOCKER_IMAGE,
        )
    databases = [(_configured(each.label, config), each) for each in request.databases]
    files = [
        RunFile.of("input", input_bytes),
        RunFile.of("token", token.encode()),
        RunFile.of("output", b"", writable=True),
    ]
    if config.run_context_file:
        context = _run_context(request, config, databases, input_bytes, node_id)
        files.append(RunFile.of(_CONTEXT, context))
    environment, secrets = _variables(request, config, databases)
    return RunSpec(
        run_id=request.run_id,
        image=request.image,
        environment=environment,
        secrets=secrets,
        files=tuple(files),
        mounts=tuple(_mounts(request, config, databases, files)),
        services=tuple(database.label for database, _ in databases if config.has_way(database)),
        result_file="output",
        origin=_origin(request, config, _method(input_bytes)),
    )


def _configured(label: str, config: NodeConfig) -> Database:
    database = config.database(label)
    if database is None:
        labels = ", ".join(repr(each.label) for each in config.databases) or "none"
        raise ContractError(
            f"databases: this node has no database {_shown(label)}; it has {labels}"
        )
    return database


def _shown(label: str) -> str:
    return ascii(label if len(label) <= 80 else label[:80] + "...")


def _folder(request: RunRequest) -> str:
    return f"{_DATA}/task-{request.run_id:09d}"


def database_path(database: Database) -> str:
    """Return a database's path in the container; the tools recognize the type by the suffix."""
    suffix = "" if database.is_folder else PurePosixPath(database.path).suffix
    return f"/mnt/{database.label}{suffix}"


_Databases = list[tuple[Database, DatabaseRequest]]
_Pairs = tuple[tuple[str, str], ...]


def _mounts(
    request: RunRequest, config: NodeConfig, databases: _Databases, files: list[RunFile]
) -> Iterator[Mount]:
    for file in files:
        path = f"{_folder(request)}/{file.name}"
        yield Mount(MountSource.RUN, file.name, path, read_only=not file.writable)
    shared = Identity(config.kubernetes.node_name).shared_folder(request.job_id)
    yield Mount(MountSource.SHARED, shared, _TMP, read_only=False, is_folder=True)
    for database, _ in databases:
        if not database.is_service:
            path = database_path(database)
            yield Mount(MountSource.DATABASE, database.label, path, is_folder=database.is_folder)


def _variables(
    request: RunRequest, config: NodeConfig, databases: _Databases
) -> tuple[_Pairs, _Pairs]:
    """Return (variables with their encoded values, variables with their keys in the Secret)."""
    labels = ",".join(database.label for database, _ in databases)
    plain = _fixed(request, config) | {
        "USER_REQUESTED_DATABASE_LABELS": labels,
        "DB_LABELS": labels,
    }
    secret: dict[str, str] = {}
    for database, asked in databases:
        prefix = database.label.upper()
        if not database.is_service:
            plain[f"{prefix}_DATABASE_URI"] = database_path(database)
        plain[f"{prefix}_DATABASE_TYPE"] = database.type.value
        plain |= _options(prefix, asked)
        secret |= {name: name for name in database_variables(database)}
    secret |= dict(algorithm_variables(config))
    values = {name: _encoded(name, value) for name, value in plain.items() if name not in secret}
    if config.run_context_file:
        secret.pop("RUN_CONTEXT_FILE", None)
        values["RUN_CONTEXT_FILE"] = f"{_folder(request)}/{_CONTEXT}"
    if sum(map(len, values.values())) > _MAX_VARIABLES:
        raise ContractError(
            f"databases: what is asked of them all together must not pass {_MAX_VARIABLES} bytes"
        )
    return tuple(values.items()), tuple(secret.items())


def _fixed(request: RunRequest, config: NodeConfig) -> dict[str, str]:
    folder, proxy = _folder(request), config.kubernetes.proxy
    return {
        "INPUT_FILE": f"{folder}/input",
        "OUTPUT_FILE": f"{folder}/output",
        "TOKEN_FILE": f"{folder}/token",
        "TEMPORARY_FOLDER": _TMP,
        "HOST": f"http://{proxy.host_name}",
        "PORT": str(proxy.port),
        "API_PATH": "",
        **forward_proxy_variables(config, [each.label for each in request.databases]),
    }


def _options(prefix: str, asked: DatabaseRequest) -> dict[str, str]:
    """Return the variables for the options that the researcher sets for a database."""
    found = {}
    for name in _OPTIONS:
        value = asked.parameters.get(name)
        if value is not None:
            text = json.dumps(value) if name == "preprocessing" else str(value)
            found[f"{prefix}_{name.upper()}"] = text
    return found


def _encoded(name: str, value: str) -> str:
    try:
        encoded = encode(value)
    except UnicodeEncodeError:
        raise ContractError(f"databases: {name} must be text of Unicode characters") from None
    if len(name) + len(encoded) > _MAX_VARIABLE:
        limit = _MAX_VARIABLE * 5 // 8 - len(name)
        raise ContractError(f"databases: {name} must not be longer than about {limit} bytes")
    return encoded


def _origin(request: RunRequest, config: NodeConfig, method: str) -> _Pairs:
    parent = "" if request.parent_id is None else str(request.parent_id)
    return (
        ("task_id", str(request.task_id)),
        ("parent_id", parent),
        ("job_id", str(request.job_id)),
        ("organization_id", str(request.organization_id)),
        ("collaboration_id", str(request.collaboration_id)),
        ("init_org_id", str(request.init_org_id)),
        *(((INIT_USER, str(request.init_user_id)),) if request.init_user_id is not None else ()),
        *(((METHOD, method),) if method else ()),
        (SERVER, config.server_address),
        (CREATED_AT, request.created_at),
        (ASSIGNED_AT, request.assigned_at),
        *(((IN_BLOBS, "yes"),) if request.blob_storage_used else ()),
    )


def _run_context(
    request: RunRequest,
    config: NodeConfig,
    databases: _Databases,
    input_bytes: bytes,
    node_id: int | None,
) -> bytes:
    """Return vantage6's experimental run context, schema 0.1: the facts as plain JSON."""
    asked = _parsed(input_bytes)
    folder, proxy = _folder(request), config.kubernetes.proxy
    context = {
        "schema_version": "0.1",
        "entrypoint": {"name": asked.get("method", "")},
        "arguments": {"positional": asked.get("args", []), "named": asked.get("kwargs", {})},
        "executor": {"id": node_id, "kind": "vantage6-node"},
        "inputs": [_context_input(database, each) for database, each in databases],
        "outputs": [{"id": "result", "uri": f"{folder}/output"}],
        "x-vantage6": {
            "run_id": request.run_id,
            "task_id": request.task_id,
            "collaboration_id": request.collaboration_id,
            "token_file": f"{folder}/token",
            "api_proxy": {
                "host": f"http://{proxy.host_name}",
                "port": str(proxy.port),
                "api_path": "",
            },
            "temporary_directory": _TMP,
        },
    }
    return (json.dumps(context, indent=2) + "\n").encode()


def _parsed(input_bytes: bytes) -> dict[str, Any]:
    """Return the input if it is a JSON object, as the tools make; otherwise an empty object."""
    try:
        data = json.loads(input_bytes)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _method(input_bytes: bytes) -> str:
    """Return the name of the algorithm's method in an input, for the audit trail.

    Empty if the input is long, is no JSON object, or has in the name's place another text, which
    may be data.
    """
    name = _parsed(input_bytes).get("method") if len(input_bytes) <= _MAX_JUDGED else None
    return name if isinstance(name, str) and _METHOD.fullmatch(name) else ""


def _context_input(database: Database, asked: DatabaseRequest) -> dict[str, Any]:
    if database.is_service or database.is_folder:
        raise ContractError(
            f"databases: {database.label!r} is no file, and this node's run_context_file tells of "
            "files only; ask the data station to switch it off",
            RunStatus.START_FAILED,
        )
    found: dict[str, Any] = {
        "id": database.label,
        "uri": database_path(database),
        "type": database.type.value,
    }
    if isinstance(arguments := asked.parameters.get("arguments"), dict):
        found["arguments"] = arguments
    return found
