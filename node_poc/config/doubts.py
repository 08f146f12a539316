"""PURE: what is taken as it stands, but most likely will not do what its writer wants.

No errors: a node may run outside of any pod, and a database of type ``other`` may be any text. Each
is told once, by ``check`` and in the node's log.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TYPE_CHECKING

from node_poc.config.databases import is_address

if TYPE_CHECKING:
    from node_poc.config.model import NodeConfig

_DOCKER_ONLY = ".docker.internal"


def find_doubts(config: NodeConfig) -> Iterator[str]:
    """Tell each doubt: path, why, remedy."""
    if config.kubernetes.server_kind == "dummy":
        return  # its example and its tests run the node beside the server
    yield from _server(config)
    for index, database in enumerate(config.databases):
        if database.is_service and config.service(database) is None:
            yield (
                f"databases[{index}].uri: is neither an absolute path nor names a host and a port: "
                "algorithms are given this text, nothing is mounted and no way out is opened; "
                "write the file's absolute path, or scheme://host:port/name, or give host and port "
                f"in kubernetes.databases_egress.{database.label}"
            )


def _server(config: NodeConfig) -> Iterator[str]:
    host = config.server_url.partition("://")[2].partition("/")[0].lower()
    remedy = "give the machine's address or name, as pods reach it"
    if _is_own(host):
        yield f"server_url: {host} is the pod itself, where the node runs in one; {remedy}"
    elif host.endswith(_DOCKER_ONLY) and not is_address(config.node_extra_hosts.get(host, "")):
        yield (
            f"server_url: {host} is known in Docker only; {remedy}, or name its address in "
            "node_extra_hosts"
        )


def _is_own(host: str) -> bool:
    if not is_address(host):
        return host == "localhost"
    address = ipaddress.ip_address(host)
    return address.is_loopback or address.is_unspecified
