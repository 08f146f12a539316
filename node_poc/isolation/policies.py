"""PURE: the NetworkPolicies of kubeconfs/network_policies.yaml, defined in one place.

``python -m node_poc render policies`` writes the file; a test keeps file and code equal.
"""

from __future__ import annotations

from typing import Any

from node_poc.config.model import NodeConfig
from node_poc.isolation.own_ways import node_rules, proxy_rules, with_egress
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.runs.model import Egress


def build_policies(config: NodeConfig) -> list[dict[str, Any]]:
    """Return the policies of the namespace for a node of the dummy server.

    NetworkPolicies add up, and other nodes may work in the same namespace. The policy that denies
    traffic therefore selects the algorithms of all nodes, and still applies if a node's name was
    changed in one place only. The policies that allow traffic select the pods of the given node
    only.
    """
    names, namespace = Identity(config.kubernetes.node_name), config.kubernetes.namespace
    return [
        _algorithms(namespace),
        _way_to_proxy(names, namespace, config.kubernetes.proxy.port),
        _proxy(config),
        _node(config),
    ]


def policy(name: str, namespace: str, why: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return a NetworkPolicy with a description for people in an annotation."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {identity.LABEL_PART_OF: identity.PART_OF},
            "annotations": {"kubernetes.io/description": why},
        },
        "spec": spec,
    }


def _algorithms(namespace: str) -> dict[str, Any]:
    return policy(
        "v6-algorithms",
        namespace,
        "An algorithm reaches what other policies name and nothing else, not even DNS; nobody "
        "reaches it.",
        {
            "podSelector": {"matchLabels": identity.component_labels(identity.COMPONENT_ALGORITHM)},
            "policyTypes": ["Ingress", "Egress"],
        },
    )


def _way_to_proxy(names: Identity, namespace: str, proxy_port: int) -> dict[str, Any]:
    proxy = names.labels_of(identity.COMPONENT_PROXY)
    return policy(
        "v6-algorithms-to-proxy",
        namespace,
        "An algorithm of this node reaches the port of this node's proxy.",
        {
            "podSelector": {"matchLabels": names.labels_of(identity.COMPONENT_ALGORITHM)},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{"podSelector": {"matchLabels": proxy}}],
                    "ports": [{"protocol": "TCP", "port": proxy_port}],
                }
            ],
        },
    )


def _proxy(config: NodeConfig) -> dict[str, Any]:
    return policy(
        "v6-proxy",
        config.kubernetes.namespace,
        "Only algorithms of this node call its proxy, on its one port; it calls the server.",
        proxy_walls(config),
    )


def proxy_walls(config: NodeConfig) -> dict[str, Any]:
    """Return the ``spec`` of the policy around a node's proxy."""
    names = Identity(config.kubernetes.node_name)
    callers = names.labels_of(identity.COMPONENT_ALGORITHM)
    callers[identity.LABEL_EGRESS] = Egress.PROXY.value
    calls = {
        "from": [{"podSelector": {"matchLabels": callers}}],
        "ports": [{"protocol": "TCP", "port": config.kubernetes.proxy.port}],
    }
    ingress = {
        "podSelector": {"matchLabels": names.labels_of(identity.COMPONENT_PROXY)},
        "policyTypes": ["Ingress"],
        "ingress": [calls],
    }
    return with_egress(ingress, proxy_rules(config))


def _node(config: NodeConfig) -> dict[str, Any]:
    return policy(
        "v6-node",
        config.kubernetes.namespace,
        "Nobody calls the node; it calls the server, registries and the Kubernetes API.",
        with_egress(
            {
                "podSelector": {"matchLabels": identity.component_labels(identity.COMPONENT_NODE)},
                "policyTypes": ["Ingress"],
            },
            node_rules(config),
        ),
    )
