"""PURE: the proxy of one vantage6 node: a Deployment, a Service, and a ConfigMap with settings.

The proxy has no rights in the cluster and no ServiceAccount token. The only secret of the node that
the proxy mounts is the private key.
"""

from __future__ import annotations

from typing import Any

from node_poc.config.placement import Placement
from node_poc.manifests import identity
from node_poc.manifests.config_map import KEY
from node_poc.manifests.own_pods import (
    CONFIG_FOLDER,
    LEAST_RIGHTS,
    Object,
    Station,
    ca_volume,
    deployment,
    extra_mounts,
    extra_variables,
    key_volume,
    part_metadata,
    pod_extras,
    pod_metadata,
    service,
)
from node_poc.manifests.placement import placed
from node_poc.manifests.security import with_users
from node_poc.manifests.station import file_without_secrets

_HEALTH_PORT = 8081
# Large bodies are spooled on disk (node_poc/proxy/settings.py, Limits.spooled_bytes), small bodies
# in memory.
_SPOOL = "5Gi"
_RESOURCES = {
    "requests": {"cpu": "20m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
    "limits": {"cpu": "2", "memory": "1Gi", "ephemeral-storage": "6Gi"},
}
_USERS = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def build_proxy(station: Station) -> list[Object]:
    """Return the objects of this node's proxy."""
    proxy = station.config.kubernetes.proxy
    metadata = part_metadata(station, identity.COMPONENT_PROXY, proxy.service)
    file = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    template = {
        "metadata": pod_metadata(station, metadata["labels"], _site(station)),
        "spec": _pod(station),
    }
    return [
        file | {"data": {KEY: file_without_secrets(station)}},
        # The Service's address goes into each algorithm pod, and outlives the proxy pod.
        service(metadata, proxy.port),
        deployment(metadata, template),
    ]


def _site(station: Station) -> Placement:
    return station.config.kubernetes.placement_of("proxy")


def _pod(station: Station) -> Object:
    volumes, _ = _volumes(station)
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 15,
        "securityContext": with_users(_USERS, station.config.kubernetes.security, "proxy"),
        **placed(station.config, "proxy"),
        **pod_extras(station),
        "containers": [_container(station)],
        "volumes": volumes,
    }


def _container(station: Station) -> Object:
    _, mounts = _volumes(station)
    return {
        "name": "proxy",
        "image": station.image,
        "imagePullPolicy": station.config.kubernetes.node_image_pull_policy,
        "args": ["proxy", "--health-port", str(_HEALTH_PORT)],
        "env": [
            {"name": "V6_NODE_CONFIG", "value": f"{CONFIG_FOLDER}/{KEY}"},
            *extra_variables(station),
        ],
        "ports": [
            {"name": "http", "containerPort": station.config.kubernetes.proxy.port},
            {"name": "health", "containerPort": _HEALTH_PORT},
        ],
        "readinessProbe": _probe("/readyz", 5),
        "livenessProbe": _probe("/healthz", 10),
        "securityContext": dict(LEAST_RIGHTS),
        "resources": _RESOURCES,
        "volumeMounts": mounts,
    }


def _probe(path: str, seconds: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "health"},
        "periodSeconds": seconds,
        "timeoutSeconds": 5,
    }


def _volumes(station: Station) -> tuple[list[Object], list[Object]]:
    volumes, mounts = [], []
    for more_volumes, more_mounts in (
        key_volume(station),
        ca_volume(station),
        extra_mounts(station.config, only_certificates=True),
    ):
        volumes += more_volumes
        mounts += more_mounts
    file = {"name": station.config.kubernetes.proxy.service}
    return (
        [
            {"name": "config", "configMap": file},
            {"name": "spool", "emptyDir": {"sizeLimit": _SPOOL}},
            *volumes,
        ],
        [
            {"name": "config", "mountPath": CONFIG_FOLDER, "readOnly": True},
            {"name": "spool", "mountPath": "/tmp"},  # noqa: S108
            *mounts,
        ],
    )
