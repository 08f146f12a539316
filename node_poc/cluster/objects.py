"""The node's API calls for objects, one method each, with the handling of 404 and 409."""

from __future__ import annotations

from typing import Any

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import AlreadyThereError, NotFoundError

# Kubernetes counts a repeated Event in place: an object has only a few Events.
_EVENTS = 200
# A namespace with more Events is not read whole: some 800 bytes each.
_ALL_EVENTS = 2000


class ClusterObjects:
    """Creates, reads and deletes objects in one namespace.

    Each method makes its calls once and raises ClusterError after a failure. Every method is safe
    to repeat: the callers repeat a method that may succeed later (``engine/retries.py``).
    """

    def __init__(self, api: KubernetesApi, namespace: str) -> None:
        """Use ``namespace``, the only namespace that the node changes."""
        self._api = api
        self.jobs_path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self.pods_path = f"/api/v1/namespaces/{namespace}/pods"
        self._events_path = f"/api/v1/namespaces/{namespace}/events"
        self._services_path = f"/api/v1/namespaces/{namespace}/services"

    def create_job(self, job: dict[str, Any]) -> bool:
        """Create a Job; return True if the Job is new, False if it existed already."""
        try:
            self._api.call("POST", self.jobs_path, body=job)
        except AlreadyThereError:
            return False
        return True

    def would_create_job(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return a Job as the API server would take it, by a dry run. Raise ClusterError if not."""
        return self._api.call("POST", self.jobs_path, body=job, query=[("dryRun", "All")])

    def delete_job(self, name: str) -> None:
        """Delete a Job and its pods; do nothing if the Job is gone."""
        query = [("propagationPolicy", "Background")]
        try:
            self._api.call("DELETE", f"{self.jobs_path}/{name}", query=query)
        except NotFoundError:
            return

    def patch_job(self, name: str, patch: dict[str, Any]) -> None:
        """Merge ``patch`` into a Job; do nothing if the Job is gone."""
        try:
            self._api.call("PATCH", f"{self.jobs_path}/{name}", body=patch)
        except NotFoundError:
            return

    def list_pods(self, selector: str) -> list[dict[str, Any]]:
        """Return the pods that match a label selector."""
        answer = self._api.call("GET", self.pods_path, query=[("labelSelector", selector)])
        return list(answer.get("items") or [])

    def list_jobs(self, selector: str) -> list[dict[str, Any]]:
        """Return the Jobs that match a label selector."""
        answer = self._api.call("GET", self.jobs_path, query=[("labelSelector", selector)])
        return list(answer.get("items") or [])

    def list_events(self, kind: str, name: str) -> list[dict[str, Any]]:
        """Return the Events about one object; Kubernetes deletes Events after an hour."""
        selector = f"involvedObject.kind={kind},involvedObject.name={name}"
        query = [("fieldSelector", selector), ("limit", str(_EVENTS))]
        return list(self._api.call("GET", self._events_path, query=query).get("items") or [])

    def list_all_events(self) -> list[dict[str, Any]] | None:
        """Return all Events of the namespace; None if there are more than are read at once."""
        answer = self._api.call("GET", self._events_path, query=[("limit", str(_ALL_EVENTS))])
        if (answer.get("metadata") or {}).get("continue"):
            return None
        return list(answer.get("items") or [])

    def create_event(self, event: dict[str, Any]) -> None:
        """Create an Event, whose name the API server makes."""
        self._api.call("POST", self._events_path, body=event)

    def pod_uid(self, name: str) -> str | None:
        """Return the UID of a pod; None if the pod is gone."""
        try:
            return str(self._api.call("GET", f"{self.pods_path}/{name}")["metadata"]["uid"])
        except NotFoundError:
            return None

    def service_address(self, name: str) -> str | None:
        """Return the ClusterIP of a Service; None without the Service or without an address."""
        try:
            service = self._api.call("GET", f"{self._services_path}/{name}")
        except NotFoundError:
            return None
        address = service["spec"].get("clusterIP")
        return address if address and address != "None" else None
