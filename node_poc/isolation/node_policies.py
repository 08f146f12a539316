"""PURE: the NetworkPolicies of one vantage6 node, which keep two nodes in one cluster apart.

The node's algorithms reach the node's proxy, the databases requested by each run, and the addresses
in the configuration file's ``whitelist``. ``python -m node_poc render policies`` writes the
policies.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from node_poc.config.databases import DatabaseEgress
from node_poc.config.model import Database, NodeConfig
from node_poc.isolation.own_ways import node_rules, whitelist_rules, with_egress
from node_poc.isolation.policies import policy, proxy_walls
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity, reaches_label
from node_poc.manifests.squid_conf import PORT as SQUID_PORT
from node_poc.runs.model import Egress


def build_node_policies(
    config: NodeConfig, addresses: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return the policies of one node.

    Args:
        config: configuration of the node.
        addresses: IP addresses of the host names in the databases' URIs. A database gets no policy
            if its host name has no address here and ``kubernetes.databases_egress`` gives the
            database neither an address nor pods.
    """
    names = Identity(config.kubernetes.node_name)
    return [
        _algorithms(config, names),
        _proxy(config, names),
        _node(config, names),
        *_forward_proxy(config, names),
        *_services(config, names, addresses),
    ]


def _algorithms(config: NodeConfig, names: Identity) -> dict[str, Any]:
    proxy = {
        "to": [{"podSelector": {"matchLabels": names.labels_of(identity.COMPONENT_PROXY)}}],
        "ports": _ports([config.kubernetes.proxy.port]),
    }
    return policy(
        f"{names.node_label}-algorithms",
        config.kubernetes.namespace,
        "An algorithm reaches its node's proxy and what is whitelisted; nobody reaches it.",
        {
            "podSelector": {"matchLabels": names.labels_of(identity.COMPONENT_ALGORITHM)},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [proxy, *_whitelist(config, names)],
        },
    )


def _whitelist(config: NodeConfig, names: Identity) -> Iterator[dict[str, Any]]:
    if config.whitelist.ips:
        ports = _ports(config.whitelist.open_ports)
        yield {"to": [_block(address) for address in config.whitelist.ips], "ports": ports}
    if config.whitelist.domains:
        squid = {"matchLabels": names.labels_of(identity.COMPONENT_WHITELIST)}
        yield {"to": [{"podSelector": squid}], "ports": _ports([SQUID_PORT])}


def _forward_proxy(config: NodeConfig, names: Identity) -> Iterator[dict[str, Any]]:
    if not config.whitelist.domains:
        return
    callers = names.labels_of(identity.COMPONENT_ALGORITHM)
    callers[identity.LABEL_EGRESS] = Egress.PROXY.value
    calls = {"from": [{"podSelector": {"matchLabels": callers}}], "ports": _ports([SQUID_PORT])}
    yield policy(
        names.whitelist_service,
        config.kubernetes.namespace,
        "Only this node's algorithms call squid, and squid calls public addresses only.",
        {
            "podSelector": {"matchLabels": names.labels_of(identity.COMPONENT_WHITELIST)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [calls],
            "egress": whitelist_rules(config),
        },
    )


def _proxy(config: NodeConfig, names: Identity) -> dict[str, Any]:
    return policy(
        f"{names.node_label}-proxy",
        config.kubernetes.namespace,
        "Only this node's algorithms call its proxy, on its one port; it calls the server.",
        proxy_walls(config),
    )


def _node(config: NodeConfig, names: Identity) -> dict[str, Any]:
    return policy(
        f"{names.node_label}-node",
        config.kubernetes.namespace,
        "Nobody calls the node; it calls the server, registries and the Kubernetes API.",
        with_egress(
            {
                "podSelector": {"matchLabels": names.labels_of(identity.COMPONENT_NODE)},
                "policyTypes": ["Ingress"],
            },
            node_rules(config),
        ),
    )


def _services(
    config: NodeConfig, names: Identity, addresses: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, Any]]:
    for database in config.databases:
        rule = _rule(config, database, addresses) if config.has_way(database) else None
        if rule is None:
            continue
        callers = names.labels_of(identity.COMPONENT_ALGORITHM)
        callers[reaches_label(database.label)] = "true"
        yield policy(
            names.reaches_policy(database.label),
            config.kubernetes.namespace,
            f"A run that asked for the database {database.label!r} reaches its one host and port.",
            {
                "podSelector": {"matchLabels": callers},
                "policyTypes": ["Egress"],
                "egress": [rule],
            },
        )


def _rule(
    config: NodeConfig, database: Database, addresses: Mapping[str, Sequence[str]]
) -> dict[str, Any] | None:
    service = config.service(database)
    if service is None:
        return None
    egress = config.kubernetes.databases_egress.get(database.label) or DatabaseEgress()
    if egress.pod_labels:
        # A NetworkPolicy applies to the pods behind a Service, and to the pods' own port.
        pods = {
            "namespaceSelector": {
                "matchLabels": {
                    identity.LABEL_NAMESPACE: egress.namespace or config.kubernetes.namespace
                }
            },
            "podSelector": {"matchLabels": egress.pod_labels},
        }
        return {"to": [pods], "ports": _ports([egress.pod_port or service.port])}
    own = egress.address or service.address
    found = [own] if own else list(addresses.get(service.host, ()))
    if not found:
        return None
    return {"to": [_block(address) for address in found], "ports": _ports([service.port])}


def _block(address: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": str(ipaddress.ip_network(address, strict=False))}}


def _ports(ports: Sequence[int]) -> list[dict[str, Any]]:
    return [{"protocol": "TCP", "port": port} for port in ports]
