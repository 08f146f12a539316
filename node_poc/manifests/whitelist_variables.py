"""PURE: the variables by which an algorithm finds the forward proxy to whitelisted names."""

from __future__ import annotations

from collections.abc import Iterable

from node_poc.config.model import NodeConfig
from node_poc.config.whitelist import FORWARD_PROXY
from node_poc.manifests.squid_conf import PORT


def forward_proxy_variables(config: NodeConfig, labels: Iterable[str]) -> dict[str, str]:
    """Return names and values, as a Docker node sets them; none without names in the list.

    Args:
        config: configuration of the node.
        labels: the databases for which the run asked.
    """
    if not config.whitelist.domains:
        return {}
    asked = [config.database(label) for label in labels]
    services = [config.service(database) for database in asked if database]
    # An algorithm reaches all of these directly: squid opens names of the list only.
    direct = ["localhost", "127.0.0.1", config.kubernetes.proxy.host_name, *config.whitelist.ips]
    direct += [service.host for service in services if service]
    squid = f"http://{FORWARD_PROXY}:{PORT}"
    values = {"HTTP_PROXY": squid, "HTTPS_PROXY": squid, "NO_PROXY": ",".join(direct)}
    return values | {name.lower(): value for name, value in values.items()}
