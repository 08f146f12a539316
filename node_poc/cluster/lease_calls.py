"""API calls for a node's Lease. Each is tried once: ``NodeLease`` decides when to retry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import NotFoundError
from node_poc.manifests import lease as manifest
from node_poc.manifests.identity import Identity
from node_poc.manifests.lease import Holder

Lease = dict[str, Any]


class LeaseCalls:
    """Reads and writes one node's Lease for one holder.

    Every write carries the resource version of the Lease that was read: if two processes write at
    the same time, one of them gets a ConflictError. Every method raises ClusterError if the call
    fails.
    """

    def __init__(
        self, api: KubernetesApi, namespace: str, node_name: str, holder: Holder, seconds: float
    ) -> None:
        """Prepare the calls; the constructor makes none.

        Args:
            api: the Kubernetes API.
            namespace: namespace of the Lease and of the node's pods.
            node_name: the node's configured name.
            holder: the process that takes the Lease.
            seconds: how long a renewal is valid; the Lease holds whole seconds, at least 1.
        """
        self._api = api
        self._names = Identity(node_name)
        self._namespace = namespace
        self._holder = holder
        self._seconds = max(1, round(seconds))
        self._pods_path = f"/api/v1/namespaces/{namespace}/pods"
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self.name = self._names.node_label
        # The head of the node's audit trail, as text: read when the Lease is taken, and written
        # with each renewal. Empty: there is no head yet.
        self.found_audit_head = ""
        self.audit_head: Callable[[], str] = lambda: ""

    def read(self) -> Lease | None:
        """Return the Lease; None if the Lease does not exist."""
        try:
            return self._api.call("GET", f"{self._path}/{self.name}")
        except NotFoundError:
            return None

    def take(self, lease: Lease | None) -> Lease:
        """Write the holder into ``lease``; None creates the Lease, which does not exist yet."""
        blank = lease or manifest.build_lease(self._names, self._namespace)
        mine = manifest.taken(blank, self._holder, self._seconds, datetime.now(UTC))
        self.found_audit_head = manifest.audit_head_of(blank)
        if lease is None:
            return self._api.call("POST", self._path, body=mine)
        return self._write(mine)

    def renew(self, lease: Lease) -> Lease:
        """Renew the Lease: write the current time into it."""
        return self._write(manifest.renewed(lease, datetime.now(UTC), self.audit_head()))

    def release(self, lease: Lease) -> Lease:
        """Release the Lease: write an empty holder."""
        return self._write(manifest.released(lease, datetime.now(UTC), self.audit_head()))

    def pod_phase(self, pod: str) -> str | None:
        """Return the phase of a pod; None if the pod does not exist."""
        try:
            answer = self._api.call("GET", f"{self._pods_path}/{pod}")
        except NotFoundError:
            return None
        return str((answer.get("status") or {}).get("phase", ""))

    def _write(self, lease: Lease) -> Lease:
        return self._api.call("PUT", f"{self._path}/{self.name}", body=lease)


def audit_head_on_lease(api: KubernetesApi, namespace: str, node_name: str) -> str:
    """Return the head of the audit trail that a node's Lease names, as text; empty without a head.

    Raises ClusterError.
    """
    reader = Holder("reader", "0", in_pod=False)  # writes nothing
    lease = LeaseCalls(api, namespace, node_name, reader, 1.0).read()
    return "" if lease is None else manifest.audit_head_of(lease)
