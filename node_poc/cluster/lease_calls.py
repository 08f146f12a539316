"""The calls that a node's Lease needs, each tried once: who keeps the Lease decides when again."""

from __future__ import annotations

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

    Every write names the version it was made from, so that of two who write at once one gets a
    ConflictError. Every method raises ClusterError if the API does not do it.
    """

    def __init__(
        self, api: KubernetesApi, namespace: str, node_name: str, holder: Holder, seconds: float
    ) -> None:
        """``seconds``: how long the Lease is held after a renewal; written in whole ones."""
        self._api = api
        self._names = Identity(node_name)
        self._namespace = namespace
        self._holder = holder
        self._seconds = max(1, round(seconds))
        self._pods_path = f"/api/v1/namespaces/{namespace}/pods"
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self.name = self._names.node_label

    def read(self) -> Lease | None:
        """The Lease; None if there is none."""
        try:
            return self._api.call("GET", f"{self._path}/{self.name}")
        except NotFoundError:
            return None

    def take(self, lease: Lease | None) -> Lease:
        """Make it the holder's; None: there is none yet."""
        blank = lease or manifest.build_lease(self._names, self._namespace)
        mine = manifest.taken(blank, self._holder, self._seconds, datetime.now(UTC))
        if lease is None:
            return self._api.call("POST", self._path, body=mine)
        return self._write(mine)

    def renew(self, lease: Lease) -> Lease:
        """Write that the holder lives."""
        return self._write(manifest.renewed(lease, datetime.now(UTC)))

    def release(self, lease: Lease) -> Lease:
        """Write that nobody holds it."""
        return self._write(manifest.released(lease, datetime.now(UTC)))

    def pod_phase(self, pod: str) -> str | None:
        """The phase of a pod; None if there is no such pod."""
        try:
            answer = self._api.call("GET", f"{self._pods_path}/{pod}")
        except NotFoundError:
            return None
        return str((answer.get("status") or {}).get("phase", ""))

    def _write(self, lease: Lease) -> Lease:
        return self._api.call("PUT", f"{self._path}/{self.name}", body=lease)
