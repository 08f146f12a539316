"""The machines of the cluster: room for a run, and GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.listing import list_all
from node_poc.commands.doctor.lines import Line, failure, ok, warning
from node_poc.commands.doctor.quotas import Amounts, about, amounts, of_a_run, plain
from node_poc.config.model import NodeConfig
from node_poc.observe.node_state import is_ready
from node_poc.runs.image_resources import all_resources

_MOST_NAMES = 5


def look_at_machines(config: NodeConfig, api: KubernetesApi) -> Iterator[Line]:
    """Yield whether some machine can hold a run, and offers its GPUs. Raises ClusterError."""
    nodes, _ = list_all(api, "/api/v1/nodes", "")
    found = all_resources(config)
    for key, made in found.items():
        requests, _ = of_a_run(made)
        yield about(key, of_machines(nodes, requests))
    asking = [each for each in found.values() if each.algorithm_device_requests.gpu]
    for name in dict.fromkeys(each.kubernetes.resources.gpu_resource for each in asking):
        yield of_gpus(nodes, name)


def of_machines(nodes: Sequence[Mapping[str, Any]], needed: Amounts) -> Line:
    """Return whether a schedulable machine offers at least the needed amounts in all."""
    usable = [node for node in nodes if is_usable(node)]
    offers = [amounts(node.get("status", {}).get("allocatable", {})) for node in usable]
    if any(_holds(offer, needed) for offer in offers):
        return ok(f"{len(usable)} of {len(nodes)} machines take pods, and a run fits")
    if not usable:
        return failure(
            f"none of {len(nodes)} machines is ready and takes pods",
            "see `kubectl get nodes`, and uncordon or repair a machine",
        )
    most = {name: max(offer.get(name, Decimal()) for offer in offers) for name in needed}
    lacking = sorted(
        f"{name} {plain(value)} (at most {plain(most[name])})"
        for name, value in needed.items()
        if most[name] < value
    )
    return failure(
        f"no machine has what a run asks for: {', '.join(lacking) or 'not all on one machine'}",
        "lower kubernetes.resources, add a machine, or for a GPU install its device plugin",
    )


def of_gpus(nodes: Sequence[Mapping[str, Any]], resource: str) -> Line:
    """Return whether the device plugin offers GPUs.

    While a plugin is away, or finds no healthy device, the kubelet sets ``allocatable`` to 0, and
    keeps ``capacity`` for some minutes:
    https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/.
    """
    offered = {
        str(node["metadata"]["name"]): amounts(node["status"].get("allocatable", {})).get(resource)
        for node in nodes
    }
    known = [name for name, amount in offered.items() if amount is not None]
    if not known:
        return failure(
            f"no machine knows {resource}: its device plugin is not installed",
            "install the device plugin, or correct kubernetes.resources.gpu_resource",
        )
    silent = [name for name in known if not offered[name]]
    if not silent:
        return ok(f"{len(known)} machines offer {resource}")
    bad = failure if silent == known else warning
    return bad(
        f"{', '.join(silent[:_MOST_NAMES])}: {resource} is 0: the device plugin has ended, or "
        "finds no healthy device",
        "see the log of the device plugin's pod on the machine, and the machine's driver",
    )


def is_usable(node: Mapping[str, Any]) -> bool:
    """Return whether a machine is ready and takes new pods."""
    return is_ready(node) and not node.get("spec", {}).get("unschedulable", False)


def _holds(offer: Amounts, needed: Amounts) -> bool:
    return all(offer.get(name, Decimal()) >= value for name, value in needed.items())
