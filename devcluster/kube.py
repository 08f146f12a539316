"""A very small client of the Kubernetes API: enough to set up and observe a dev cluster."""

import http.client
import json
import ssl
from typing import Any

from devcluster.errors import ApiError
from devcluster.layout import Layout

_PLURALS = {
    "Node": "nodes",
    "ServiceAccount": "serviceaccounts",
    "ConfigMap": "configmaps",
    "Service": "services",
    "Deployment": "deployments",
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "StorageClass": "storageclasses",
    "RuntimeClass": "runtimeclasses",
}


def path_of(item: dict[str, Any]) -> str:
    """Return the URL path of one object.

    Raises:
        KeyError: the dev cluster does not use this kind.
    """
    version = str(item["apiVersion"])
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    meta = item["metadata"]
    place = f"/namespaces/{meta['namespace']}" if "namespace" in meta else ""
    return f"{root}{place}/{_PLURALS[item['kind']]}/{meta['name']}"


class Api:
    """A client of one cluster's API server with the super-user's certificate."""

    def __init__(self, layout: Layout) -> None:
        folder = layout.pki_dir
        self._context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        self._context.load_cert_chain(folder / "admin.crt", folder / "admin.key")
        self._host = layout.node_ip(1)

    def ready(self) -> bool:
        """Return whether the server reports readiness."""
        try:
            self.call("GET", "/readyz")
        except ApiError:
            return False
        return True

    def get(self, path: str) -> dict[str, Any] | None:
        """Return an object or list; None if the server has none at ``path``."""
        try:
            found: dict[str, Any] = json.loads(self.call("GET", path))
        except ApiError as error:
            if error.status == http.HTTPStatus.NOT_FOUND:
                return None
            raise
        return found

    def apply(self, item: dict[str, Any]) -> None:
        """Create or change an object to match ``item`` (server-side apply)."""
        path = f"{path_of(item)}?fieldManager=v6-devcluster&force=true"
        self.call("PATCH", path, item, "application/apply-patch+yaml")

    def merge(self, path: str, change: dict[str, Any]) -> None:
        """Merge a change into an existing object."""
        self.call("PATCH", path, change, "application/merge-patch+json")

    def delete(self, path: str) -> None:
        """Delete an object, if the object exists."""
        try:
            self.call("DELETE", path)
        except ApiError as error:
            if error.status != http.HTTPStatus.NOT_FOUND:
                raise

    def call(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> bytes:
        """Send one request and return the response's body.

        Raises:
            ApiError: no response (status 0) or an error status.
        """
        connection = http.client.HTTPSConnection(
            self._host, 6443, timeout=10, context=self._context
        )
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {"Content-Type": kind})
            response = connection.getresponse()
            answer = response.read()
        except OSError as error:
            raise ApiError(f"{method} {path}: {error}") from error
        finally:
            connection.close()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            text = answer.decode(errors="replace")[:500]
            raise ApiError(f"{method} {path}: {response.status} {text}", response.status)
        return answer
