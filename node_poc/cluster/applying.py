"""The calls of a person's commands for a whole node: apply, read, list and delete its objects.

The node itself has none of these rights. The commands use the person's own kubeconfig.
"""

from __future__ import annotations

from typing import Any

from node_poc.cluster.connect import APPLY, KubernetesApi
from node_poc.cluster.errors import NotFoundError
from node_poc.cluster.listing import list_all

Object = dict[str, Any]

#: The manager of the fields that the command sets (server-side apply).
FIELD_MANAGER = "v6-node"
# kind: (API version, name in paths, whether the kind is in a namespace)
_KINDS = {
    "Namespace": ("v1", "namespaces", False),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "Secret": ("v1", "secrets", True),
    "ConfigMap": ("v1", "configmaps", True),
    "Service": ("v1", "services", True),
    "Pod": ("v1", "pods", True),
    "PersistentVolumeClaim": ("v1", "persistentvolumeclaims", True),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies", True),
    "Deployment": ("apps/v1", "deployments", True),
    "Job": ("batch/v1", "jobs", True),
    "Lease": ("coordination.k8s.io/v1", "leases", True),
    "ValidatingAdmissionPolicy": (
        "admissionregistration.k8s.io/v1",
        "validatingadmissionpolicies",
        False,
    ),
    "ValidatingAdmissionPolicyBinding": (
        "admissionregistration.k8s.io/v1",
        "validatingadmissionpolicybindings",
        False,
    ),
}


def is_namespaced(kind: str) -> bool:
    """Return whether objects of a kind are in a namespace."""
    return _KINDS[kind][2]


class NodeObjects:
    """Applies, reads, lists and deletes objects of any kind above; each call is made once."""

    def __init__(self, api: KubernetesApi) -> None:
        """Use the rights of ``api``."""
        self.api = api

    def apply(self, wanted: Object, *, dry_run: bool = False) -> Object:
        """Apply an object server-side and return the object as the API server has it then.

        Fields that other managers set are taken over: the configuration file decides. Raises
        ClusterError.
        """
        query = [("fieldManager", FIELD_MANAGER), ("force", "true")]
        if dry_run:
            query.append(("dryRun", "All"))
        metadata = wanted["metadata"]
        path = _path(wanted["kind"], metadata.get("namespace"), metadata["name"])
        return self.api.call(APPLY, path, body=wanted, query=query)

    def patch(self, kind: str, namespace: str | None, name: str, patch: Object) -> None:
        """Merge a patch into an object. Raises ClusterError."""
        query = [("fieldManager", FIELD_MANAGER)]
        self.api.call("PATCH", _path(kind, namespace, name), body=patch, query=query)

    def get(self, kind: str, namespace: str | None, name: str) -> Object | None:
        """Return an object, or None if there is no object of the name. Raises ClusterError."""
        try:
            found = self.api.call("GET", _path(kind, namespace, name))
        except NotFoundError:
            return None
        return found

    def list_kind(self, kind: str, namespace: str | None, selector: str) -> list[Object]:
        """Return the objects of a kind; without ``namespace`` of all namespaces.

        Raises ClusterError. Items of a list lack kind and version, and get them here.
        """
        found, _ = list_all(self.api, _path(kind, namespace), selector)
        return [{"apiVersion": _KINDS[kind][0], "kind": kind, **each} for each in found]

    def scale(self, namespace: str, name: str, replicas: int) -> None:
        """Set the number of a Deployment's pods. Raises ClusterError."""
        self.patch("Deployment", namespace, name, {"spec": {"replicas": replicas}})

    def delete(self, kind: str, namespace: str | None, name: str, grace: int | None = None) -> bool:
        """Delete an object and, later, its pods; return False if the object is gone already.

        ``grace``: seconds until a pod is killed; None for the pod's own. Raises ClusterError.
        """
        query = [("propagationPolicy", "Background")]
        if grace is not None:
            query.append(("gracePeriodSeconds", str(grace)))
        try:
            self.api.call("DELETE", _path(kind, namespace, name), query=query)
        except NotFoundError:
            return False
        return True

    def events_of(self, namespace: str, name: str) -> list[Object]:
        """Return the Events about one object. Raises ClusterError."""
        query = [("fieldSelector", f"involvedObject.name={name}"), ("limit", "200")]
        found = self.api.call("GET", f"/api/v1/namespaces/{namespace}/events", query=query)
        return list(found.get("items") or [])


def _path(kind: str, namespace: str | None, name: str | None = None) -> str:
    version, plural, namespaced = _KINDS[kind]
    root = f"/api/{version}" if version == "v1" else f"/apis/{version}"
    inside = f"/namespaces/{namespace}" if namespaced and namespace else ""
    return f"{root}{inside}/{plural}" + (f"/{name}" if name else "")
