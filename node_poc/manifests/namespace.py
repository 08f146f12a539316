"""PURE: the node's namespace, with the Pod Security level that its pods allow.

Levels and labels: https://kubernetes.io/docs/concepts/security/pod-security-standards/ and
https://kubernetes.io/docs/concepts/security/pod-security-admission/.
"""

from __future__ import annotations

from typing import Any, Literal

from node_poc.config.extra_mounts import mounts_in
from node_poc.config.model import NodeConfig
from node_poc.manifests import identity

ENFORCE = "pod-security.kubernetes.io/enforce"
_AUDIT = "pod-security.kubernetes.io/audit"

Level = Literal["privileged", "baseline", "restricted"]


def pod_security_level(config: NodeConfig) -> Level:
    """Return the strictest level of Pod Security that admits all pods of the node.

    A folder of the machine (``hostPath``) is admitted by ``privileged`` only; the policy for Jobs
    (``isolation/job_policy.py``) then is the only limit. ``restricted`` demands that a pod names a
    user who is not root.
    """
    if _needs_folders_of_the_machine(config):
        return "privileged"
    return "restricted" if config.kubernetes.security.run_as_user else "baseline"


def _needs_folders_of_the_machine(config: NodeConfig) -> bool:
    return config.kubernetes.storage.mode == "hostPath" or any(
        each.kind == "folder" for each in mounts_in(config.node_extra_mounts)
    )


def build_namespace(config: NodeConfig) -> dict[str, Any]:
    """Return the Namespace; the API server's audit log names pods that break ``restricted``."""
    chosen = config.kubernetes.pod_security
    level = pod_security_level(config) if chosen == "auto" else chosen
    levels = {ENFORCE: level, _AUDIT: "restricted"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": config.kubernetes.namespace,
            "labels": {identity.LABEL_PART_OF: identity.PART_OF, **levels},
        },
    }
