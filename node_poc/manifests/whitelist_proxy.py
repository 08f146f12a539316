"""PURE: the forward proxy for names in ``whitelist.domains``: squid in a Deployment of its own.

Without names there is no such object. The pod has no right, no Secret and no ServiceAccount token.
"""

from __future__ import annotations

from node_poc.config.base import short_hash
from node_poc.manifests import identity
from node_poc.manifests.own_pods import Object, Station, metadata, pod_extras
from node_poc.manifests.placement import placement_fields
from node_poc.manifests.squid_conf import PORT, squid_conf

_FILE = "squid.conf"
_FOLDER = "/etc/v6-squid"
# Of the image: Debian's user ``proxy``.
_USER = 13
_RESOURCES = {
    "requests": {"cpu": "10m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
    "limits": {"cpu": "1", "memory": "512Mi", "ephemeral-storage": "256Mi"},
}


def build_whitelist_proxy(station: Station) -> list[Object]:
    """Return the objects of the forward proxy; none without ``whitelist.domains``."""
    if not station.config.whitelist.domains:
        return []
    file = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(station)}
    data = {_FILE: squid_conf(station.config.whitelist)}
    return [file | {"data": data}, _service(station), _deployment(station)]


def _metadata(station: Station) -> Object:
    name = station.names.whitelist_service
    return metadata(station) | {"name": name, "labels": _labels(station)}


def _labels(station: Station) -> dict[str, str]:
    return {
        identity.LABEL_NAME: station.names.whitelist_service,
        identity.LABEL_PART_OF: identity.PART_OF,
        identity.LABEL_COMPONENT: identity.COMPONENT_WHITELIST,
        identity.LABEL_NODE: station.names.node_label,
    }


def _service(station: Station) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(station),
        "spec": {
            "type": "ClusterIP",
            "selector": _labels(station),
            "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
        },
    }


def _deployment(station: Station) -> Object:
    # Not the checksum of the whole configuration, which has secrets and other reasons to change.
    checksum = short_hash(squid_conf(station.config.whitelist))
    annotations = {identity.ANNOTATION_CHECKSUM: checksum, **identity.ANNOTATIONS_NO_MESH}
    labels = {**_labels(station), **identity.LABELS_NO_MESH}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(station),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": _labels(station)},
            "template": {
                "metadata": {"labels": labels, "annotations": annotations},
                "spec": _pod(station),
            },
        },
    }


def _pod(station: Station) -> Object:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # On the machines that the site chose for the proxy.
        **placement_fields(station.config.kubernetes.placement_of("proxy")),
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
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": _RESOURCES,
        "volumeMounts": [
            {"name": "config", "mountPath": _FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
