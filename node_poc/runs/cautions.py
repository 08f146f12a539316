"""PURE: all warnings about a configuration."""

from __future__ import annotations

from node_poc.config.dangers import find_dangers
from node_poc.config.model import NodeConfig
from node_poc.runs.policy_doubts import find_policy_doubts

LATE_WALLS = (
    "some clusters, such as k3s and k0s (kube-router), apply NetworkPolicies up to a second after "
    "a pod's start, and never cut connections of that second; there algorithms wait behind a gate "
    "(kubernetes.walls.gate), and `python -m node_poc doctor` tests a cluster "
    '(docs/install-vantage6.md, "A cluster that enforces NetworkPolicies")'
)


def cautions(config: NodeConfig) -> tuple[str, ...]:
    """Return all warnings; each sentence names a key, the doubt or risk, and the remedy."""
    return (
        *config.doubts,
        *find_dangers(config),
        *find_policy_doubts(config.policies),
    )
