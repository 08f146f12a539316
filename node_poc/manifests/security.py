"""PURE: the security contexts and resources of an algorithm pod: almost no rights."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from node_poc.config.model import Resources, Security
from node_poc.config.placement import Part

STRICT_GROUPS = MappingProxyType({"supplementalGroupsPolicy": "Strict"})
_USERS_AND_GROUPS = ("runAsUser", "runAsGroup", "fsGroup", "supplementalGroups")


def pod_security_context(
    security: Security, storage_group: int, *, strict_groups: bool = False
) -> dict[str, Any]:
    """Return the pod's security context.

    Args:
        security: the user of algorithms.
        storage_group: owns the run's folders, so a container of any user may write to them.
        strict_groups: whether the container runtime must ignore the groups of the image.
    """
    context: dict[str, Any] = {
        "seccompProfile": {"type": "RuntimeDefault"},
        "supplementalGroups": [storage_group],
    }
    if security.run_as_user is not None:
        context["runAsUser"] = security.run_as_user
        context["runAsGroup"] = storage_group
        context["runAsNonRoot"] = security.run_as_user != 0
    context = with_users(context, security, "algorithms")
    return context | STRICT_GROUPS if strict_groups else context


def with_users(context: Mapping[str, Any], security: Security, part: Part) -> dict[str, Any]:
    """Return a pod's security context with the users of its part.

    If the cluster chooses the users, the context names none: OpenShift's ``restricted-v2`` refuses
    a number outside of the namespace's range, and fills in numbers that a pod leaves out.
    """
    if security.are_users_fixed(part):
        return dict(context)
    kept = {key: value for key, value in context.items() if key not in _USERS_AND_GROUPS}
    return kept | {"runAsNonRoot": True}


def container_security_context(security: Security) -> dict[str, Any]:
    """Return the container's security context: no capabilities, no way to gain one."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": security.read_only_root_filesystem,
    }


def container_resources(resources: Resources, *, gpu: bool = False) -> dict[str, Any]:
    """Return requests and limits; limits are always set.

    ``gpu``: whether to add GPUs.
    """
    gpus = {resources.gpu_resource: str(resources.gpus)} if gpu else {}
    return {
        "requests": {
            "cpu": resources.cpu_request,
            "memory": resources.memory_request,
            # Without a request, Kubernetes would reserve the whole limit for each run.
            "ephemeral-storage": resources.ephemeral_storage_request,
        },
        "limits": {
            "cpu": resources.cpu,
            "memory": resources.memory,
            "ephemeral-storage": resources.ephemeral_storage,
            **gpus,
        },
    }
