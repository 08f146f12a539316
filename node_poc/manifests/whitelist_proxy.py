"""PURE: the forward proxy for names in ``whitelist.domains``: squid in a Deployment of its own.

Without names there is no such object. The pod has no right, no Secret and no ServiceAccount token.
"""

from __future__ import annotations

from node_poc.config.base import short_hash
from node_poc.manifests import identity
from node_poc.manifests.own_pods import (
    LEAST_RIGHTS,
    Object,
    Station,
    deployment,
    part_metadata,
    pod_extras,
    service,
)
from node_poc.manifests.placement import placed
from node_poc.manifests.security import with_users
from node_poc.manifests.squid_conf import PORT, squid_conf

_FILE = "squid.conf"
_FOLDER = "/etc/v6-squid"
_USERS = {
    "runAsNonRoot": True,
    # Of the image: Debian's user ``proxy``.
    "runAsUser": 13,
    "runAsGroup": 13,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_RESOURCES = {
    "requests": {"cpu": "10m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
    "limits": {"cpu": "1", "memory": "512Mi", "ephemeral-storage": "256Mi"},
}


def build_whitelist_proxy(station: Station) -> list[Object]:
    """Return the objects of the forward proxy; none without ``whitelist.domains``."""
    if not station.config.whitelist.domains:
        return []
    name = station.names.whitelist_service
    metadata = part_metadata(station, identity.COMPONENT_WHITELIST, name)
    text = squid_conf(station.config.whitelist)
    file = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    template = {
        "metadata": {
            "labels": {**metadata["labels"], **identity.LABELS_NO_MESH},
            # Not the checksum of the whole configuration, which has secrets and other reasons to
            # change.
            "annotations": {
                identity.ANNOTATION_CHECKSUM: short_hash(text),
                **identity.ANNOTATIONS_NO_MESH,
            },
        },
        "spec": _pod(station),
    }
    return [
        file | {"data": {_FILE: text}},
        service(metadata, PORT),
        deployment(metadata, template),
    ]


def _pod(station: Station) -> Object:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": with_users(_USERS, station.config.kubernetes.security, "proxy"),
        # On the machines that the site chose for the proxy.
        **placed(station.config, "proxy"),
        **pod_extras(station),
        "containers": [_container(station)],
        "volumes": [
            {"name": "config", "configMap": {"name": station.names.whitelist_service}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        ],
    }


def _container(station: Station) -> Object:
    probe = {"tcpSocket": {"port": "http"}, "periodSeconds": 10, "timeoutSeconds": 5}
    return {
        "name": "squid",
        "image": station.config.kubernetes.whitelist_image,
        "imagePullPolicy": station.config.kubernetes.node_image_pull_policy,
        "args": ["-f", f"{_FOLDER}/{_FILE}"],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": probe | {"periodSeconds": 2},
        "livenessProbe": probe,
        "securityContext": dict(LEAST_RIGHTS),
        "resources": _RESOURCES,
        "volumeMounts": [
            {"name": "config", "mountPath": _FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
