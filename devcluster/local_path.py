"""local-path-provisioner: volumes are folders of a node, as in k3s; the default StorageClass."""

import json
from typing import Any

from devcluster import versions
from devcluster.layout import MANIFEST_REGISTRY, Layout

NAMESPACE = "kube-system"
NAME = "local-path-provisioner"
HELPER = "local-path-helper"
STORAGE_CLASS = "local-path"
_CONFIG = "local-path-config"
_RBAC = "rbac.authorization.k8s.io"
_READ = ["get", "list", "watch"]
_ALL = ["get", "list", "watch", "create", "patch", "update", "delete"]
#: (API group, resources, verbs)
_RIGHTS = (
    ("", ["nodes", "persistentvolumeclaims", "configmaps", "pods/log"], _READ),
    ("", ["pods", "persistentvolumes"], _ALL),
    ("", ["events"], ["create", "patch"]),
    ("storage.k8s.io", ["storageclasses"], _READ),
)


def objects(layout: Layout) -> list[dict[str, Any]]:
    """Return all objects, in order."""
    made = [_account(), _role(), _binding(), _settings(layout), _storage_class()]
    return [*made, _deployment(layout.node_name(1))]


def _meta(name: str = NAME, *, namespaced: bool = True) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": name, "labels": {"app": NAME}}
    return {**meta, "namespace": NAMESPACE} if namespaced else meta


def _account() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta()}


def _role() -> dict[str, Any]:
    rules = [
        {"apiGroups": [group], "resources": resources, "verbs": verbs}
        for group, resources, verbs in _RIGHTS
    ]
    meta = _meta(namespaced=False)
    return {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": meta, "rules": rules}


def _binding() -> dict[str, Any]:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": _meta(namespaced=False),
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    }


def _settings(layout: Layout) -> dict[str, Any]:
    folder = str(layout.state_dir / "local-path")
    config = {
        "nodePathMap": [{"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [folder]}],
        "setupCommand": f"/{HELPER}",
        "teardownCommand": f"/{HELPER}",
    }
    helper = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {"containers": [{"name": "helper-pod", "image": _image(HELPER)}]},
    }
    data = {"config.json": json.dumps(config), "helperPod.yaml": json.dumps(helper)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta(_CONFIG), "data": data}


def _storage_class() -> dict[str, Any]:
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {**_meta(STORAGE_CLASS, namespaced=False), "annotations": default},
        "provisioner": "rancher.io/local-path",
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    }


def _deployment(machine: str) -> dict[str, Any]:
    container = {
        "name": NAME,
        "image": _image(NAME),
        "args": [
            "start",
            "--config=/etc/config/config.json",
            f"--namespace={NAMESPACE}",
            f"--service-account-name={NAME}",
            f"--configmap-name={_CONFIG}",
            f"--helper-image={_image(HELPER)}",
        ],
        "env": [{"name": "CONFIG_MOUNT_PATH", "value": "/etc/config/"}],
        "resources": {"requests": {"cpu": "10m", "memory": "20Mi"}, "limits": {"memory": "128Mi"}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config", "readOnly": True}],
    }
    pod = {
        # Other cluster nodes may be lost in tests.
        "nodeSelector": {"kubernetes.io/hostname": machine},
        "serviceAccountName": NAME,
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": _CONFIG}}],
    }
    labels = {"app": NAME}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _image(name: str) -> str:
    return f"{MANIFEST_REGISTRY}/{name}:{versions.LOCAL_PATH}"
