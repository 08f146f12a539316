"""PURE: a vantage6 4.x server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from node_poc.config.api_key import rule_broken_by
from node_poc.config.base import short_hash, without_nulls
from node_poc.config.dangers import find_network_dangers
from node_poc.config.databases import DatabaseType
from node_poc.config.doubts import find_network_doubts
from node_poc.config.kinds.kind import ServerKind
from node_poc.config.not_applied import find_docker_values

if TYPE_CHECKING:
    from node_poc.config.model import NodeConfig

_API_PATH = "/api"
_NODE_NAME = "v6-node"
_PROXY = "v6proxy"
# The host name of the Docker node's proxy in its network.
_PROXY_HOST = "proxyserver"
# Names of folders where a vantage6 algorithm finds its own files; no database may take these names.
_TAKEN = {"data", "tmp"}


def _fill_in(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with the server's usual path, and names made from the API key.

    The names give two nodes without a ``kubernetes`` section in one cluster different names, and
    each its own proxy.
    """
    name = f"{_NODE_NAME}-{short_hash(str(values.get('api_key')))}"
    kubernetes = {"node_name": name} | values["kubernetes"]
    proxy = kubernetes.get("proxy", {})
    if isinstance(proxy, dict):
        service = f"{_PROXY}-{short_hash(str(kubernetes['node_name']))}"
        own = {"service": service, "host_name": _PROXY_HOST}
        kubernetes["proxy"] = own | without_nulls(proxy, own.keys())
    filled = {"api_path": _API_PATH} | without_nulls(values, {"api_path"})
    return filled | {"kubernetes": kubernetes}


def _broken_rules(config: NodeConfig) -> Iterator[str]:
    if problem := rule_broken_by(config.api_key or ""):
        yield f"api_key: {problem}"
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
    for label in config.kubernetes.databases_egress:
        named = config.database(label)
        if named is not None and config.service(named) is None:
            yield (
                f"kubernetes.databases_egress.{label}: host (or address) and port must both be "
                "known; add what is missing"
            )


VANTAGE6 = ServerKind(
    name="vantage6",
    adapter="node_poc.protocol.vantage6.adapter:ADAPTER",
    core_checks_images=False,
    has_own_objects=True,
    is_told_of_databases=True,
    sections_without_effect={},
    fill_in=_fill_in,
    find_values_without_effect=find_docker_values,
    broken_rules=_broken_rules,
    find_doubts=find_network_doubts,
    find_dangers=find_network_dangers,
)
