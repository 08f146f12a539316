"""PURE: placement of a pod, from the configuration of its part."""

from __future__ import annotations

import copy
from typing import Any

from node_poc.config.model import NodeConfig
from node_poc.config.placement import Part

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
# Seconds until Kubernetes marks a silent cluster node as not ready (``kube-controller-manager
# --node-monitor-grace-period``, the default since 1.32).
_NOTED_SECONDS = 50
_NOTED = ("not-ready", "unreachable")


def placed(config: NodeConfig, part: Part) -> dict[str, Any]:
    """Return the fields of a pod's ``spec``: the site's, and the tolerations of a lost machine."""
    site = config.kubernetes.placement_of(part)
    own = _lost_machine_tolerations(config.kubernetes.limits.node_lost_seconds)
    fields = {
        "nodeSelector": dict(site.node_selector),
        "affinity": copy.deepcopy(site.affinity),
        "tolerations": [*(dict(each) for each in site.tolerations), *own],
        "priorityClassName": site.priority_class,
    }
    return {name: value for name, value in fields.items() if value}


def _lost_machine_tolerations(seconds: int) -> list[dict[str, Any]]:
    """Return the tolerations that limit how long a cluster node may be silent.

    Without them Kubernetes waits for five minutes. ``tolerationSeconds`` counts from the moment
    when Kubernetes marks the cluster node.
    """
    left = max(0, seconds - _NOTED_SECONDS)
    return [
        {
            "key": f"node.kubernetes.io/{trouble}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": left,
        }
        for trouble in _NOTED
    ]


def with_term(affinity: dict[str, Any], rule: str, term: dict[str, Any]) -> dict[str, Any]:
    """Return the site's affinity with one more term of ``podAffinity``.

    Args:
        affinity: a pod's ``affinity``.
        rule: ``REQUIRED`` or ``PREFERRED``.
        term: a term in the form that the rule takes.
    """
    pods = affinity.get("podAffinity", {})
    return affinity | {"podAffinity": pods | {rule: [*pods.get(rule, []), term]}}
