"""PURE: one run as one ``batch/v1`` Job."""

from __future__ import annotations

from typing import Any

from node_poc.config.model import NodeConfig
from node_poc.manifests import identity
from node_poc.manifests.identity import Identity
from node_poc.manifests.security import (
    container_resources,
    container_security_context,
    pod_security_context,
)
from node_poc.manifests.volumes import build_volumes
from node_poc.runs.model import RunSpec

# How long a killed algorithm may tidy up, in seconds.
GRACE_SECONDS = 10
# A pod may not have dnsPolicy None without a name server; on this one nobody listens, so that a
# look-up fails at once instead of waiting for an answer that the network policy drops.
_NO_NAME_SERVER = "127.0.0.1"


def build_job(
    spec: RunSpec, config: NodeConfig, proxy_address: str | None, storage_group: int
) -> dict[str, Any]:
    """Make the Job of a run.

    Args:
        spec: the run.
        config: the node's configuration.
        proxy_address: IP address behind the proxy's name; None leaves the name unknown.
        storage_group: group id that owns the run's folders.
    """
    names = Identity(config.kubernetes.node_name)
    labels = names.labels(spec.run_id, spec.egress.value)
    annotations = {identity.ANNOTATION_IMAGE: spec.image}
    job_spec: dict[str, Any] = {
        # Never a second try: an algorithm that ran twice would answer twice.
        "backoffLimit": 0,
        "template": {
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": _pod_spec(spec, config, proxy_address, storage_group),
        },
    }
    if config.kubernetes.limits.run_seconds is not None:
        job_spec["activeDeadlineSeconds"] = config.kubernetes.limits.run_seconds
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.job_name(spec.run_id),
            "namespace": config.kubernetes.namespace,
            "labels": labels,
            "annotations": annotations,
        },
        "spec": job_spec,
    }


def _pod_spec(
    spec: RunSpec, config: NodeConfig, proxy_address: str | None, storage_group: int
) -> dict[str, Any]:
    settings = config.kubernetes
    volumes, _ = build_volumes(spec, config)
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": [_NO_NAME_SERVER]},
        "tolerations": _tolerations(settings.limits.node_lost_seconds),
        "securityContext": pod_security_context(settings.security, storage_group),
        "volumes": volumes,
        "containers": [_container(spec, config)],
    }
    if proxy_address is not None:
        pod["hostAliases"] = [{"ip": proxy_address, "hostnames": [settings.proxy.host_name]}]
    if settings.image_pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in settings.image_pull_secrets]
    return pod


def _tolerations(seconds: int) -> list[dict[str, Any]]:
    """How long a cluster node may be silent; left out, Kubernetes waits for five minutes."""
    return [
        {
            "key": f"node.kubernetes.io/{trouble}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": seconds,
        }
        for trouble in ("not-ready", "unreachable")
    ]


def _container(spec: RunSpec, config: NodeConfig) -> dict[str, Any]:
    _, mounts = build_volumes(spec, config)
    container: dict[str, Any] = {
        "name": identity.CONTAINER,
        "image": spec.image,
        "imagePullPolicy": "Always" if config.policies.require_algorithm_pull else "IfNotPresent",
        "args": [escape_references(argument) for argument in spec.arguments],
        "resources": container_resources(config.kubernetes.resources),
        "securityContext": container_security_context(config.kubernetes.security),
        "volumeMounts": mounts,
    }
    if spec.environment:
        container["env"] = [
            {"name": name, "value": escape_references(value)} for name, value in spec.environment
        ]
    return container


def escape_references(text: str) -> str:
    """Keep Kubernetes from expanding ``$(NAME)`` in an argument: ``$$(NAME)`` means itself."""
    return text.replace("$", "$$")
