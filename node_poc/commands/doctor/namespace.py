"""The namespace of the node: its level of Pod Security, and a service mesh."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node_poc.cluster.connect import KubernetesApi
from node_poc.commands.doctor.lines import Line, failure, ok, warning
from node_poc.config.model import NodeConfig
from node_poc.manifests.namespace import ENFORCE, pod_security_level

# From the level that admits every pod to the strictest one.
_LEVELS = ("privileged", "baseline", "restricted")
# What makes a mesh add its sidecar, or redirect traffic, in a whole namespace:
# https://istio.io/latest/docs/reference/config/labels/ and
# https://linkerd.io/2-edge/reference/proxy-configuration/.
_MESHES = (
    ("labels", "istio-injection", ("enabled",)),
    ("labels", "istio.io/rev", None),
    ("labels", "istio.io/dataplane-mode", ("ambient",)),
    ("annotations", "linkerd.io/inject", ("enabled", "ingress")),
)


def look_at_namespace(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Yield the findings about the namespace. Raises ClusterError."""
    metadata = api.call("GET", f"/api/v1/namespaces/{config.kubernetes.namespace}")["metadata"]
    yield of_pod_security(config, metadata.get("labels") or {})
    yield from of_mesh(metadata)


def of_pod_security(config: NodeConfig, labels: dict[str, str]) -> Line:
    """Return whether the namespace's level admits the node's pods, and nothing worse."""
    needed = pod_security_level(config)
    # Without a label the API server's default holds: `privileged`, unless somebody changed it.
    enforced = labels.get(ENFORCE, "privileged")
    if enforced not in _LEVELS:
        return failure(
            f"the namespace's label {ENFORCE} is {enforced[:40]!r}, which is no level",
            f"set the label to {needed}",
        )
    if _LEVELS.index(enforced) > _LEVELS.index(needed):
        return failure(
            f"the namespace enforces Pod Security {enforced}, which refuses the node's pods",
            f"set the label {ENFORCE} to {needed}, or use claims (kubernetes.storage.mode: pvc) "
            "and a user who is not root (kubernetes.security.run_as_user)",
        )
    if enforced not in (needed, config.kubernetes.pod_security):
        return warning(
            f"the namespace enforces Pod Security {enforced}; the node's pods allow {needed}",
            f"set the label {ENFORCE} to {needed}: `render` prints the Namespace with this label",
        )
    return ok(f"the namespace enforces Pod Security {enforced}")


def of_mesh(metadata: dict[str, Any]) -> Iterator[Line]:
    """Yield whether a service mesh takes part in the namespace's pods."""
    for part, key, values in _MESHES:
        value = (metadata.get(part) or {}).get(key)
        if value is not None and (values is None or value in values):
            yield warning(
                f"a service mesh joins the pods of the namespace ({key}={value[:40]}); the node's "
                "pods opt out, but a mesh may be set up to ignore that",
                f"remove {key} from the namespace",
            )
