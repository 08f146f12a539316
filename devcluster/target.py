"""The cluster to work on: the dev cluster, or an existing cluster named explicitly."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster import builds
from devcluster.errors import UsageError
from devcluster.layout import MANIFEST_REGISTRY, Layout


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster to work on.

    Args:
        layout: the dev cluster's layout; None for an existing cluster.
        context: the existing cluster's kubectl context; None for the dev cluster.
        kubectl: the kubectl command, without its arguments.
        environment: variables for kubectl and for programs with a Kubernetes client.
        image_registry: registry name in manifests, "" if none was given.
        push_registry: registry for pushes from here, "" if none was given.
        server_ip: this machine's address for pods; None if only the user can know the address.
        outside: ``address:port`` in place of the internet; None if the cluster has none.
    """

    layout: Layout | None
    context: str | None
    kubectl: tuple[str, ...]
    environment: dict[str, str]
    image_registry: str
    push_registry: str
    server_ip: str | None
    outside: str | None

    def variables(self) -> dict[str, str]:
        """Return environment variables for shell scripts and tests."""
        values = {
            **self.environment,
            "CONTEXT": self.context or "",
            "KUBECTL": " ".join(self.kubectl),
            "REGISTRY": self.push_registry,
            "IMAGE_REGISTRY": self.image_registry,
            "SERVER_IP": self.server_ip or "",
            "OUTSIDE": self.outside or "",
        }
        return {name: value for name, value in values.items() if value}


def resolve(layout: Layout, environment: Mapping[str, str] | None = None) -> Target:
    """Return the target in the environment: CONTEXT's existing cluster, else ``layout``.

    Neither the user's kubeconfig nor its current context chooses an existing cluster. For the dev
    cluster, the ``env`` command prints no CONTEXT, so evaluating its output chooses no existing
    cluster.
    """
    given = os.environ if environment is None else environment
    context = given.get("CONTEXT", "").strip()
    if context:
        return _existing(context, given)
    kubectl = builds.located().kubernetes / "kubectl"
    return Target(
        layout=layout,
        context=None,
        kubectl=(str(kubectl), f"--kubeconfig={layout.kubeconfig}"),
        environment={"KUBECONFIG": str(layout.kubeconfig)},
        image_registry=MANIFEST_REGISTRY,
        push_registry=layout.registry,
        server_ip=given.get("SERVER_IP") or layout.host_ip,
        outside=layout.outside,
    )


def require_own(target: Target, command: str) -> Layout:
    """Return the dev cluster's layout.

    Raises:
        UsageError: the target is an existing cluster, which ``command`` must not change.
    """
    if target.layout is None:
        raise UsageError(
            f"`{command}` is for the dev cluster only, but CONTEXT={target.context} is set: "
            "an existing cluster is neither made nor removed. Unset CONTEXT."
        )
    return target.layout


def require_registry(target: Target) -> str:
    """Return the registry for pushes.

    Raises:
        UsageError: an existing cluster was chosen without REGISTRY.
    """
    if not target.push_registry:
        raise UsageError(
            f"CONTEXT={target.context} is set, but REGISTRY is not: name a registry that both this "
            "machine can push to and the cluster can pull from, as in REGISTRY=registry.example/v6"
        )
    return target.push_registry


def _existing(context: str, given: Mapping[str, str]) -> Target:
    registry = given.get("REGISTRY", "").strip().rstrip("/")
    default = Path.home() / ".kube" / "config"
    return Target(
        layout=None,
        context=context,
        kubectl=("kubectl", f"--context={context}"),
        environment={"KUBECONFIG": given.get("KUBECONFIG") or str(default)},
        image_registry=given.get("IMAGE_REGISTRY", "").strip().rstrip("/") or registry,
        push_registry=registry,
        server_ip=given.get("SERVER_IP") or None,
        outside=given.get("OUTSIDE") or None,
    )
