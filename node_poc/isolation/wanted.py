"""PURE: the NetworkPolicies that a configuration asks for, for either kind of objects.

``python -m node_poc render`` writes these policies, and the node compares the cluster's with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from node_poc.config.model import NodeConfig
from node_poc.isolation.node_policies import build_node_policies
from node_poc.isolation.policies import build_policies


def wanted_policies(
    config: NodeConfig, addresses: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return the policies of one node.

    Args:
        config: configuration of the node.
        addresses: IP addresses of the host names of ``hosts_to_look_up``.
    """
    if config.kind.has_own_objects:
        return build_node_policies(config, addresses)
    return build_policies(config)


def hosts_to_look_up(config: NodeConfig) -> dict[str, str]:
    """Return, by a database's label, the host names whose addresses only DNS knows."""
    found = {}
    for database in config.databases if config.kind.has_own_objects else ():
        service = config.service(database) if config.has_way(database) else None
        egress = config.kubernetes.databases_egress.get(database.label)
        is_placed = egress and (egress.address or egress.pod_labels)
        if service is not None and not service.address and not is_placed:
            found[database.label] = service.host
    return found
