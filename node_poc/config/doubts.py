"""PURE: valid settings that most likely do not do what their author wants.

None is an error: a node may run outside of any pod, and a database of type ``other`` may be any
text. ``check`` and the node's log report each setting once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from node_poc.config.api_key import doubt_of
from node_poc.config.databases import is_address
from node_poc.config.docker_hosts import is_bridge, why_unreachable
from node_poc.config.outside import find_doubts_of_the_way

if TYPE_CHECKING:
    from node_poc.config.model import NodeConfig

_HOST_OF_URL = re.compile(r"://(?:[^/?#]*@)?(?P<host>[^/?#:@\s]+)")
_REMEDY = "give the machine's address or name, as pods reach it"


def find_network_doubts(config: NodeConfig) -> Iterator[str]:
    """Yield each doubt about API key, server, databases and addresses: path, reason, remedy.

    For kinds of servers with an API key, in another place than the node's pod.
    """
    if problem := doubt_of(config.api_key or ""):
        yield f"api_key: {problem}"
    yield from _server(config)
    yield from find_doubts_of_the_way(config)
    yield from _databases(config)
    yield from _addresses(config)


def _server(config: NodeConfig) -> Iterator[str]:
    host = config.server_url.partition("://")[2].partition("/")[0].lower().strip("[]")
    why = why_unreachable(host)
    if why is None or is_address(config.node_extra_hosts.get(host, "")):
        return
    by_name = "" if is_address(host) or host == "localhost" else _IN_HOSTS
    yield f"server_url: {why}; {_REMEDY}{by_name}"


_IN_HOSTS = ", or name its address in node_extra_hosts"


def _databases(config: NodeConfig) -> Iterator[str]:
    for index, database in enumerate(config.databases):
        if not database.is_service:
            continue
        service = config.service(database)
        if service is None:
            yield (
                f"databases[{index}].uri: is neither an absolute path nor names a host and a port: "
                "algorithms are given this text, nothing is mounted and no way out is opened; "
                "write the file's absolute path, or scheme://host:port/name, or give host and port "
                f"in kubernetes.databases_egress.{database.label}"
            )
            continue
        egress = config.kubernetes.databases_egress.get(database.label)
        # `not_applied` reports a name of Docker's as a key without effect.
        if service.address and is_bridge(service.host) and not (egress and egress.address):
            yield f"databases[{index}].uri: {why_unreachable(service.host)}; {_REMEDY}"


def _addresses(config: NodeConfig) -> Iterator[str]:
    """Yield doubts of the addresses in the whitelist, in hosts files and in ways to databases."""
    given = [(f"whitelist.ips[{n}]", each) for n, each in enumerate(config.whitelist.ips)]
    given += [
        (f"node_extra_hosts.{name}", each)
        for name, each in config.node_extra_hosts.items()
        if is_address(each)  # any other value has no effect, and is reported elsewhere
    ]
    for name, value in config.node_extra_env.items():
        # An outer proxy; a proxy with a name may be known in the cluster.
        if name.lower().endswith("_proxy") and (host := _HOST_OF_URL.search(value)):
            given.append((f"node_extra_env.{name}", host["host"]))
    for label, egress in config.kubernetes.databases_egress.items():
        given.append((f"kubernetes.databases_egress.{label}.address", egress.address or ""))
    for path, address in given:
        one_address = address.removesuffix("/32").removesuffix("/128")
        if why := why_unreachable(one_address):
            yield f"{path}: {why}; {_REMEDY}"
        elif is_bridge(address):
            yield f"{path}: holds the machine as Docker's own containers see it; {_REMEDY}"
