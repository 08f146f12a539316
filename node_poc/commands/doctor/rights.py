"""The rights of the node's ServiceAccount, as the API server knows them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from node_poc.cluster.connect import KubernetesApi
from node_poc.commands.render import account_of
from node_poc.config.model import NodeConfig

_AUTHORIZATION = "/apis/authorization.k8s.io/v1"


@dataclass(frozen=True)
class Right:
    """A verb on a kind of object in the node's namespace; ``name`` restricts it to one object."""

    verb: str
    group: str
    resource: str
    name: str = ""

    def __str__(self) -> str:
        """Return the right for people."""
        return f"{self.verb} {self.resource}" + (f" {self.name}" if self.name else "")


#: Rights that would let the attacker of a node break out of the Role.
TOO_MUCH = (
    Right("get", "", "secrets"),
    Right("create", "", "pods"),
    Right("create", "", "pods/exec"),
    Right("delete", "networking.k8s.io", "networkpolicies"),
    Right("create", "rbac.authorization.k8s.io", "rolebindings"),
)


def needed_rights(rules: Iterable[dict[str, Any]]) -> Iterator[Right]:
    """Yield each right of a Role's rules."""
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for name in rule.get("resourceNames") or [""]:
                    yield from (Right(verb, group, resource, name) for verb in rule["verbs"])


def review(api: KubernetesApi, config: NodeConfig, right: Right) -> bool:
    """Return whether the node's ServiceAccount has a right. Raises ClusterError.

    In a pod the caller is the node itself. Elsewhere the caller is an administrator, and the
    question names the node's account.
    """
    resource, _, part = right.resource.partition("/")
    attributes = {
        "namespace": config.kubernetes.namespace,
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": part,
        "name": right.name,
    }
    kind, subject = "SelfSubjectAccessReview", {}
    if not os.environ.get("KUBERNETES_SERVICE_HOST"):
        kind, subject = "SubjectAccessReview", _account(config)
    answer = api.call(
        "POST",
        f"{_AUTHORIZATION}/{kind.lower()}s",
        body={
            "apiVersion": "authorization.k8s.io/v1",
            "kind": kind,
            "spec": {"resourceAttributes": attributes, **subject},
        },
    )
    return bool(answer.get("status", {}).get("allowed"))


def _account(config: NodeConfig) -> dict[str, Any]:
    space = config.kubernetes.namespace
    return {
        "user": f"system:serviceaccount:{space}:{account_of(config)}",
        "groups": [
            "system:serviceaccounts",
            f"system:serviceaccounts:{space}",
            "system:authenticated",
        ],
    }
