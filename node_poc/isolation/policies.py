"""PURE: the NetworkPolicies of kubeconfs/network_policies.yaml, as one place to change them.

``python -m node_poc render policies`` writes the file; a test keeps the two equal.
"""

from __future__ import annotations

from typing import Any

from node_poc.manifests import identity
from node_poc.runs.model import Egress


def build_policies(namespace: str, proxy_port: int) -> list[dict[str, Any]]:
    """Return the policies of the namespace the node works in."""
    return [
        _algorithms(namespace, proxy_port),
        _proxy(namespace, proxy_port),
        _node(namespace),
    ]


def policy(name: str, namespace: str, why: str, spec: dict[str, Any]) -> dict[str, Any]:
    """One NetworkPolicy that says for people what it is there for."""
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


def component(name: str) -> dict[str, str]:
    """Labels of all pods of one kind."""
    return {identity.LABEL_PART_OF: identity.PART_OF, identity.LABEL_COMPONENT: name}


def _algorithms(namespace: str, proxy_port: int) -> dict[str, Any]:
    to_proxy = {
        "to": [{"podSelector": {"matchLabels": component(identity.COMPONENT_PROXY)}}],
        "ports": [{"protocol": "TCP", "port": proxy_port}],
    }
    return policy(
        "v6-algorithms",
        namespace,
        "An algorithm reaches the proxy's port and nothing else, not even DNS; nobody reaches it.",
        {
            "podSelector": {"matchLabels": component(identity.COMPONENT_ALGORITHM)},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [to_proxy],
        },
    )


def _proxy(namespace: str, proxy_port: int) -> dict[str, Any]:
    callers = component(identity.COMPONENT_ALGORITHM)
    callers[identity.LABEL_EGRESS] = Egress.PROXY.value
    return policy(
        "v6-proxy",
        namespace,
        "Only algorithms call the proxy, on its one port.",
        {
            "podSelector": {"matchLabels": component(identity.COMPONENT_PROXY)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "from": [{"podSelector": {"matchLabels": callers}}],
                    "ports": [{"protocol": "TCP", "port": proxy_port}],
                }
            ],
        },
    )


def _node(namespace: str) -> dict[str, Any]:
    return policy(
        "v6-node",
        namespace,
        "Nobody calls the node; it calls the server and the Kubernetes API.",
        {
            "podSelector": {"matchLabels": component(identity.COMPONENT_NODE)},
            "policyTypes": ["Ingress"],
        },
    )
