"""The storage of a node: its claims and their volumes' machines, or its folders on machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.errors import ClusterError, NotFoundError
from node_poc.cluster.listing import list_all
from node_poc.commands.doctor.lines import Line, failure, ok, warning
from node_poc.commands.doctor.machines import is_usable
from node_poc.config.model import NodeConfig
from node_poc.config.placement import Part, Placement
from node_poc.observe.claim_state import waiting_claim
from node_poc.observe.node_state import is_ready

Object = Mapping[str, Any]

_SINGLE = {"ReadWriteOnce", "ReadWriteOncePod"}
_HOST_NAME = "kubernetes.io/hostname"
_KEEP_OUT = {"NoSchedule", "NoExecute"}
_PARTS: tuple[Part, ...] = ("node", "algorithms")


def look_at_storage(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Yield the state of each configured claim, or doubts about folders. Raises ClusterError."""
    if config.kubernetes.storage.mode == "pvc":
        yield from look_at_claims(config, api)
    else:
        nodes, _ = list_all(api, "/api/v1/nodes", "")
        yield from of_folders(config, nodes)


def of_folders(config: NodeConfig, machines: Sequence[Object]) -> Iterator[Line]:
    """Yield a doubt if the folders of several machines are in question; nothing with one machine.

    A site that has set an affinity has thought of its machines.
    """
    for part in _PARTS:
        site = config.kubernetes.placement_of(part)
        chosen = [each for each in machines if _may_run(each, site)]
        if len(chosen) < 2 or site.affinity:
            continue
        yield warning(
            f"kubernetes.storage: task_dir and databases are folders (hostPath), and {part} may "
            f"run on {len(chosen)} machines: after a drain, a machine without these folders starts "
            "with an empty task_dir",
            "have the same folders on all machines (a network file system), choose one machine "
            f"(kubernetes.placement.{part}.node_selector), or use volume claims",
        )
        return


def _may_run(machine: Object, site: Placement) -> bool:
    """Return whether pods with the site's placement may run on a machine, as far as labels tell."""
    labels = machine["metadata"].get("labels") or {}
    taints = [t for t in machine["spec"].get("taints") or [] if t.get("effect") in _KEEP_OUT]
    is_open = not taints or bool(site.tolerations)
    return is_usable(machine) and is_open and site.node_selector.items() <= labels.items()


def look_at_claims(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Yield the state of each configured claim. Raises ClusterError."""
    storage = config.kubernetes.storage
    space = f"/api/v1/namespaces/{config.kubernetes.namespace}"
    claims = (
        ("claim", storage.claim, "size"),
        ("databases_claim", storage.databases_claim, "databases_size"),
    )
    for key, name, size in claims:
        try:
            claim = api.call("GET", f"{space}/persistentvolumeclaims/{name}")
        except NotFoundError:
            yield failure(
                f"kubernetes.storage.{key}: the claim {name} is missing: no run starts",
                f"make the claim, set kubernetes.storage.{size} and apply the node's objects "
                "again, or name a claim that exists",
            )
            continue
        query = [("fieldSelector", f"involvedObject.name={name}"), ("limit", "200")]
        events = api.call("GET", f"{space}/events", query=query).get("items") or []
        yield of_claim(key, claim, events)
        yield from _of_volume(key, claim, api)


def of_claim(key: str, claim: Object, events: Sequence[Object] = ()) -> Line:
    """Return the finding about a PersistentVolumeClaim; ``events`` are those about the claim."""
    name, status = claim["metadata"]["name"], claim.get("status", {})
    subject = f"kubernetes.storage.{key}: the claim {name}"
    phase = status.get("phase")
    if phase == "Lost":
        return failure(
            f"{subject} has lost its volume",
            "restore the volume; or delete the claim, start again, and put the data of a backup "
            "into the new claim",
        )
    if claim["metadata"].get("deletionTimestamp"):
        return failure(
            f"{subject} is being deleted",
            "start the node again when the claim is gone, with the data of a backup",
        )
    storage_class = claim["spec"].get("storageClassName") or "none"
    if phase != "Bound":
        level = failure if any(each.get("type") == "Warning" for each in events) else warning
        return level(
            f"kubernetes.storage.{key}: the {waiting_claim(claim, events)}",
            "some classes wait for the first pod; otherwise correct "
            "kubernetes.storage.storage_class (`kubectl get storageclass`), delete the claim and "
            f"start again; see `kubectl describe pvc {name}`",
        )
    modes = set(status.get("accessModes") or claim["spec"].get("accessModes") or [])
    if key == "claim" and modes <= {"ReadOnlyMany"}:
        return failure(f"{subject} is read-only", "use a claim with ReadWriteMany or ReadWriteOnce")
    if "ReadWriteOncePod" in modes:
        return failure(
            f"{subject} is for a single pod, and runs are pods of their own",
            "use a claim with ReadWriteMany or ReadWriteOnce",
        )
    if modes <= _SINGLE:
        return warning(
            f"{subject} is for a single machine (ReadWriteOnce): all runs are placed there",
            "use ReadWriteMany where runs need several machines",
        )
    return ok(f"{subject} is bound ({', '.join(sorted(modes))}, StorageClass {storage_class})")


def _of_volume(key: str, claim: Object, api: KubernetesApi) -> Iterator[Line]:
    """Yield a failure if the volume's machines cannot run pods; nothing without the rights."""
    name = claim["spec"].get("volumeName")
    if not name:
        return
    try:
        volume = api.call("GET", f"/api/v1/persistentvolumes/{name}")
        nodes, _ = list_all(api, "/api/v1/nodes", "")
    except ClusterError as error:
        if not (error.is_forbidden or isinstance(error, NotFoundError)):
            raise
        return  # a lost volume shows in the claim's phase
    yield from of_volume(key, volume, nodes)


def of_volume(key: str, volume: Object, machines: Sequence[Object]) -> Iterator[Line]:
    """Yield a failure if no machine that the volume is bound to can run pods."""
    wanted = _host_names(volume)
    if not wanted:
        return
    found = {_host_name(each): each for each in machines}
    if any(name in found and is_usable(found[name]) for name in wanted):
        return
    states = ", ".join(f"{name} ({_state(found.get(name))})" for name in wanted)
    yield failure(
        f"kubernetes.storage.{key}: the volume {volume['metadata']['name']} is on the machine "
        f"{states}: neither the node's pod nor runs can start elsewhere",
        "uncordon or repair the machine; without the machine, make a new claim from a backup",
    )


def _host_name(machine: Object) -> str:
    labels = machine["metadata"].get("labels") or {}
    return str(labels.get(_HOST_NAME) or machine["metadata"]["name"])


def _host_names(volume: Object) -> list[str]:
    """Return the machines of a volume that is a folder or disk of machines; empty for others."""
    required = (volume["spec"].get("nodeAffinity") or {}).get("required") or {}
    return [
        name
        for term in required.get("nodeSelectorTerms") or []
        for each in term.get("matchExpressions") or []
        if (each.get("key"), each.get("operator")) == (_HOST_NAME, "In")
        for name in each.get("values") or []
    ]


def _state(machine: Object | None) -> str:
    if machine is None:
        return "not in the cluster"
    return "cordoned" if is_ready(machine) else "not ready"
