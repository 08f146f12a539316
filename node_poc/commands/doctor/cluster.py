"""The cluster as the node needs it: version, clock, rights, Lease, proxy, and Jobs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import ClusterError, NotFoundError
from node_poc.cluster.job_policy_check import REMEDY as POLICY_REMEDY
from node_poc.cluster.job_policy_check import forbidden_job, is_kept_to_its_jobs
from node_poc.cluster.objects import ClusterObjects
from node_poc.commands.doctor.lines import Line, failure, ok, warning
from node_poc.commands.doctor.rights import Right, review
from node_poc.config.model import NodeConfig
from node_poc.isolation.job_policy import sample_job
from node_poc.manifests.identity import Identity

# ValidatingAdmissionPolicy, which keeps a node to its own Jobs, is there since 1.30.
_OLDEST = (1, 30)
# The server's tokens and the Lease suffer from larger differences.
_SKEW_SECONDS = 10.0
_APPLY = "apply the node's objects again: `kubectl apply -f ./kubeconfs`, or `render vantage6`"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces"


def look_at_version(api: KubernetesApi) -> Iterator[Line]:
    """Yield version and clock of the API server. Raises ClusterError."""
    asked_at = time.time()
    version, server_time = api.version()
    yield of_version(version)
    if server_time is not None:
        yield of_clocks(server_time - (asked_at + time.time()) / 2)


def of_version(version: str) -> Line:
    """Return the finding about a version such as ``v1.34.2+k3s1``."""
    numbers = version.removeprefix("v").split(".")[:2]
    if not all(part.isdecimal() for part in numbers) or len(numbers) < 2:
        return warning(f"the cluster's version is not understood: {version[:40]!r}")
    if tuple(map(int, numbers)) < _OLDEST:
        return warning(
            f"the cluster has Kubernetes {version[:40]}, which cannot keep a node to its own Jobs",
            "update to 1.30 or newer",
        )
    return ok(f"the cluster has Kubernetes {version[:40]}")


def of_clocks(skew_seconds: float) -> Line:
    """Return the finding about the difference between the API server's clock and this one."""
    if abs(skew_seconds) > _SKEW_SECONDS:
        return warning(
            f"the clock of this machine and the API server's differ by {abs(skew_seconds):.0f} s",
            "let both machines follow a time server (NTP)",
        )
    return ok("the clocks of this machine and of the API server agree")


def look_at_rights(
    config: NodeConfig, api: KubernetesApi, needed: list[Right], too_much: list[Right]
) -> Iterator[Line]:
    """Yield which rights the node's ServiceAccount lacks, and which it should not have.

    Raises ClusterError.
    """
    lacks = [right for right in needed if not review(api, config, right)]
    for right in lacks:
        yield failure(f"the node's ServiceAccount may not {right}", _APPLY)
    if not lacks:
        yield ok(f"the node's ServiceAccount has its {len(needed)} rights")
    excess = [str(right) for right in too_much if review(api, config, right)]
    if excess:
        yield warning(
            f"the node's ServiceAccount may also {', '.join(excess)}",
            "remove the RoleBinding that grants these rights: the node needs none of them",
        )


def look_at_lease(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Yield whether a node of this name is at work. Raises ClusterError."""
    names = Identity(config.kubernetes.node_name)
    path = f"{_LEASES}/{config.kubernetes.namespace}/leases/{names.node_label}"
    try:
        yield of_lease(api.call("GET", path)["spec"], datetime.now(UTC))
    except NotFoundError:
        yield of_lease({}, datetime.now(UTC))


def of_lease(spec: dict[str, Any], now: datetime) -> Line:
    """Return the finding about a Lease's ``spec``."""
    holder, renewed = spec.get("holderIdentity"), spec.get("renewTime")
    if not holder or not renewed:
        return warning("no node of this name is at work", "start the node's Deployment")
    age = (now - datetime.fromisoformat(str(renewed))).total_seconds()
    if age > 2 * float(spec.get("leaseDurationSeconds") or 0):
        return warning(
            f"the node {holder} has not renewed its Lease for {age:.0f} s",
            "look at the pods of the node's Deployment with `kubectl describe pods`",
        )
    return ok(f"the node {holder} is at work")


def look_at_proxy(config: NodeConfig, objects: ClusterObjects) -> Iterator[Line]:
    """Yield whether algorithms can know the addresses of their proxies. Raises ClusterError."""
    services = {"the proxy's": config.kubernetes.proxy.service}
    if config.whitelist.domains:
        services["the forward proxy's"] = Identity(config.kubernetes.node_name).whitelist_service
    for whose, service in services.items():
        address = objects.service_address(service)
        if address is None:
            yield failure(f"{whose} Service {service} is missing or has no address", _APPLY)
        else:
            yield ok(f"{whose} Service {service} has the address {address}")


def look_at_jobs(config: NodeConfig, objects: ClusterObjects) -> Iterator[Line]:
    """Yield, by dry runs, whether the cluster takes the node's Jobs and no others."""
    job = sample_job(config, os.getgid())  # of run 0, which no server has
    try:
        objects.would_create_job(job)
        yield ok("the cluster takes the node's Jobs")
    except ClusterError as error:
        yield failure(
            f"the cluster refuses the node's Jobs: {error.message[:300]}",
            "raise the quota, or change the policy or webhook that refuses them",
        )
        return
    if not os.environ.get("KUBERNETES_SERVICE_HOST"):
        yield warning(
            "whether a policy keeps the node to its own Jobs is not known here",
            "run doctor in the node's pod, with the node's own rights",
        )
        return
    yield _of_forbidden_job(objects, forbidden_job(job))


def _of_forbidden_job(objects: ClusterObjects, job: dict[str, Any]) -> Line:
    try:
        if is_kept_to_its_jobs(objects.would_create_job, job):
            return ok("a policy keeps the node to its own Jobs")
    except ClusterError as error:
        return warning(f"whether a policy keeps the node to its own Jobs is not known: {error}")
    return warning(
        "no policy keeps the node to its own Jobs: an attacker who takes over the node could start "
        "any pod in the namespace",
        POLICY_REMEDY,
    )
