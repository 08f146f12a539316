"""The Deployments of node and proxy: there, up, and of one version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.listing import list_all
from node_poc.commands.doctor.lines import Line, failure, ok, warning
from node_poc.config.model import NodeConfig
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity

_PARTS = (identity.COMPONENT_NODE, identity.COMPONENT_PROXY)


def look_at_own_pods(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Yield the state of the Deployments of node and proxy. Raises ClusterError."""
    path = f"/apis/apps/v1/namespaces/{config.kubernetes.namespace}/deployments"
    found, _ = list_all(api, path, f"{identity.LABEL_PART_OF}={identity.PART_OF}")
    own = Identity(config.kubernetes.node_name).node_label
    # Objects of the dummy server's setup do not name their node.
    mine = [each for each in found if _label(each, identity.LABEL_NODE) in (own, None)]
    images = []
    for part in _PARTS:
        deployments = [each for each in mine if _label(each, identity.LABEL_COMPONENT) == part]
        if not deployments:
            yield warning(
                f"the Deployment of the {part} is not in the namespace",
                "apply the node's objects",
            )
        for each in deployments:
            yield of_deployment(part, each)
            images.append(image_of(each))
    if config.kind.has_own_objects and len(set(images)) > 1:
        yield warning(
            f"node and proxy run different images: {' and '.join(images)}",
            "render and apply all objects of the node together",
        )


def of_deployment(part: str, deployment: dict[str, Any]) -> Line:
    """Return whether a Deployment has its pod, and the image of the pod."""
    wanted = deployment["spec"].get("replicas", 1)
    ready = deployment.get("status", {}).get("readyReplicas", 0)
    name = deployment["metadata"]["name"]
    if wanted == 0:
        return warning(f"the {part} is switched off (Deployment {name}: replicas 0)", "scale to 1")
    if ready < wanted:
        return failure(
            f"the {part} is not ready (Deployment {name})",
            f"see `kubectl describe pods` and `kubectl logs deployment/{name}`",
        )
    return ok(f"the {part} is ready, image {image_of(deployment)}")


def image_of(deployment: dict[str, Any]) -> str:
    """Return the image of the first container."""
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def _label(item: dict[str, Any], key: str) -> str | None:
    value = (item["metadata"].get("labels") or {}).get(key)
    return None if value is None else str(value)
