"""``v6-node remove``: takes a node out of the cluster, with all its objects.

The private key stays, and so do the folders of runs on the disks of the machines: the command
names both.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from node_poc.cluster.applying import NodeObjects
from node_poc.cluster.errors import ClusterError
from node_poc.manage.application import made_by_us
from node_poc.manage.plan import CLUSTER_KINDS, PRUNED_KINDS
from node_poc.manage.session import FAILED, WELL, CommandError, Options, agreed, tell, view_of
from node_poc.manage.station_file import Chosen
from node_poc.manage.view import EVERY, NodeView
from node_poc.manage.waiting import wait_gone
from node_poc.manifests import identity
from node_poc.manifests.claims import build_claims

_SECONDS = 120.0
# Kubernetes and OpenShift put these into each namespace.
_OF_THE_CLUSTER = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt"})


@dataclass(frozen=True)
class RemoveOptions:
    """The options of ``remove`` alone.

    Attributes:
        force: remove a running node, and ask nothing.
        yes: ask nothing.
        keep_file: leave the configuration file.
    """

    force: bool = False
    yes: bool = False
    keep_file: bool = False


def remove(options: Options, more: RemoveOptions) -> int:
    """Remove a node. Returns the exit code. Raises CommandError, ClusterError."""
    chosen, objects = options.chosen(), options.objects()
    view = view_of(objects, chosen)
    _refuse_running(view, chosen, force=more.force)
    question = f"Remove node {chosen.name} from namespace {chosen.namespace}, with its results?"
    if not (more.force or more.yes or agreed(question)):
        raise CommandError("nothing is removed; answer y, or give --yes")
    _delete_all(objects, view)
    if not wait_gone(view, tell, _SECONDS, EVERY):
        tell("error: pods of the node are still there; run the command again")
        return FAILED
    _remove_namespace(objects, view.namespace)
    if not more.keep_file and options.config is None:
        chosen.path.unlink()
        tell(f"{chosen.path} removed")
    tell(f"node {chosen.name} is removed")
    if chosen.config.kubernetes.storage.mode == "hostPath":
        tell(f"files of its runs stay in {chosen.config.task_dir} on the machines of the cluster")
    for claim in build_claims(chosen.config):
        name = claim["metadata"]["name"]
        tell(f"claim {name} stays with its data: kubectl -n {view.namespace} delete pvc {name}")
    if chosen.config.encryption.enabled:
        key = chosen.path.parent / chosen.config.encryption.key_file
        tell(f"the organization's private key stays in {key}")
    return WELL


def _refuse_running(view: NodeView, chosen: Chosen, *, force: bool) -> None:
    deployment = view.deployment(identity.COMPONENT_NODE)
    running = deployment is not None and deployment["spec"].get("replicas", 1)
    runs = view.runs_in_flight()
    if (running or runs) and not force:
        what = "is running" if running else f"has {len(runs)} runs in flight"
        raise CommandError(f"node {chosen.name} {what}: run `v6-node stop` first, or give --force")


def _delete_all(objects: NodeObjects, view: NodeView) -> None:
    """Delete the node first, so that the node makes nothing anew; then its Jobs and the rest."""
    for kind in ("Deployment", "Job", *(x for x in PRUNED_KINDS if x != "Deployment")):
        for each in objects.list_kind(kind, view.namespace, view.selector):
            _delete(objects, kind, view.namespace, each["metadata"]["name"])
    label = view.selector.partition("=")[2]
    _delete(objects, "Lease", view.namespace, label)
    for kind in CLUSTER_KINDS:
        selector = f"{view.selector},{identity.LABEL_ACTS_IN}={view.namespace}"
        try:
            for each in objects.list_kind(kind, None, selector):
                _delete(objects, kind, None, each["metadata"]["name"])
        except ClusterError as error:
            if not error.is_forbidden:
                raise
            tell(f"warning: objects of kind {kind} stay, for lack of the right: {error}")


def _delete(objects: NodeObjects, kind: str, namespace: str | None, name: str) -> None:
    if objects.delete(kind, namespace, name):
        tell(f"{kind.lower()}/{name} removed")


def _remove_namespace(objects: NodeObjects, name: str) -> None:
    """Delete a namespace that the command made, unless somebody else has objects in it."""
    try:
        if not made_by_us(objects.get("Namespace", None, name)):
            return
    except ClusterError as error:
        if not error.is_forbidden:
            raise
        return
    others = sorted(set(_others(objects, name)))
    if others:
        tell(f"namespace {name} stays: it holds {', '.join(others[:5])}")
        return
    objects.delete("Namespace", None, name)
    until = time.monotonic() + _SECONDS
    while objects.get("Namespace", None, name) is not None and time.monotonic() < until:
        time.sleep(0.5)
    tell(f"namespace/{name} removed")


def _others(objects: NodeObjects, namespace: str) -> list[str]:
    """Return the names of objects in a namespace that are neither Kubernetes' nor this node's."""
    found: list[str] = []
    for kind in ("Deployment", "Pod", "PersistentVolumeClaim", "Secret", "ConfigMap", "Job"):
        for each in objects.list_kind(kind, namespace, ""):
            if not _is_of_the_cluster(each):
                found.append(f"{kind.lower()}/{each['metadata']['name']}")
    return found


def _is_of_the_cluster(made: dict[str, Any]) -> bool:
    is_token = made.get("type") == "kubernetes.io/service-account-token"
    return is_token or made["metadata"]["name"] in _OF_THE_CLUSTER
