"""The addresses for a run's pod, which has no DNS: its proxy's, and those of its databases."""

from __future__ import annotations

import os
import time

from node_poc.cluster.addresses import Addresses
from node_poc.cluster.objects import ClusterObjects
from node_poc.config.model import NodeConfig
from node_poc.config.whitelist import FORWARD_PROXY
from node_poc.manifests.identity import Identity
from node_poc.runs.model import RunSpec

_PROXY_ADDRESS_SECONDS = 60.0


class JobHosts:
    """Looks up addresses for Jobs. Thread-safe enough: two threads may ask for the same address."""

    def __init__(self, config: NodeConfig, objects: ClusterObjects) -> None:
        """Look up the proxy's Service with ``objects``, and other names with DNS."""
        self._config = config
        self._objects = objects
        # The API server's Service has the kind of address that the cluster's pods have first.
        by_ipv6 = ":" in os.environ.get("KUBERNETES_SERVICE_HOST", "")
        self._addresses = Addresses(by_ipv6=by_ipv6)
        self._proxy_address: str | None = None
        self._proxy_asked_at = float("-inf")

    def find_proxy(self) -> str | None:
        """Return the proxy Service's address, which is constant while the Service exists.

        Raises ClusterError.
        """
        age = time.monotonic() - self._proxy_asked_at
        if self._proxy_address is None or age > _PROXY_ADDRESS_SECONDS:
            self._proxy_address = self._objects.service_address(
                self._config.kubernetes.proxy.service
            )
            self._proxy_asked_at = time.monotonic()
        return self._proxy_address

    def find_services(self, spec: RunSpec) -> dict[str, str]:
        """Return the addresses of the run's service databases that are configured by host name.

        With ``whitelist.domains``, also of the forward proxy. Raises ClusterError.
        """
        found = self._find_forward_proxy()
        for label in spec.services:
            database = self._config.database(label)
            service = self._config.service(database) if database else None
            if service is None or service.address:
                continue
            egress = self._config.kubernetes.databases_egress.get(label)
            configured = egress.address if egress else None
            if address := configured or self._addresses.of(service.host):
                found[service.host] = address
        return found

    def _find_forward_proxy(self) -> dict[str, str]:
        if not self._config.whitelist.domains:
            return {}
        name = Identity(self._config.kubernetes.node_name).whitelist_service
        address = self._objects.service_address(name)
        return {FORWARD_PROXY: address} if address else {}
