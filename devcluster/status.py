"""The state of a cluster, for people and for programs."""

from typing import Any

from devcluster import cluster, network, nodes, processes, profiles, registry
from devcluster.errors import ApiError, DevClusterError
from devcluster.kube import Api
from devcluster.layout import Layout


def collect(layout: Layout) -> dict[str, Any]:
    """Return the state of an instance; broken parts are reported and never raise.

    Returns:
        ``name``, ``state`` (``absent``, ``broken``, ``starting``, ``ready``), ``profile`` (its name
        or None), ``trouble`` (text or None), ``nodes`` (a list of name, address, ready, trouble,
        services), ``dns_ready``, ``registry`` and ``outside`` (each with its address),
        ``kubeconfig`` (a path), ``processes`` (how many).
    """
    alive = processes.find(layout.name)
    trouble = cluster.trouble(layout)
    found: dict[str, Any] = {
        "name": layout.name,
        "state": "absent",
        "profile": profiles.of(layout).name if layout.state_dir.exists() else None,
        "trouble": trouble,
        "nodes": [_node(layout, number) for number in nodes.existing(layout)],
        "dns_ready": _safe_dns(layout),
        "registry": {"address": layout.registry, "answers": registry.answers(layout)},
        "outside": {
            "address": layout.outside,
            "running": any(process.role == network.SWITCH for process in alive),
        },
        "kubeconfig": str(layout.kubeconfig),
        "processes": len(alive),
    }
    if trouble is not None:
        found["state"] = "broken"
    elif layout.state_dir.exists():
        good = (
            found["nodes"] and all(node["ready"] for node in found["nodes"]) and found["dns_ready"]
        )
        found["state"] = "ready" if good and found["registry"]["answers"] else "starting"
    return found


def text(found: dict[str, Any]) -> str:
    """Return the state as lines for people."""
    if found["state"] == "absent":
        return f"{found['name']}: there is no cluster. Make one: python3 -m devcluster up\n"
    lines = [f"{found['name']}: {found['state']} (profile {found['profile']})"]
    if found["trouble"]:
        lines.append(f"  trouble   {found['trouble']} (`up` makes it anew)")
    for node in found["nodes"]:
        ready = "Ready" if node["ready"] else f"not ready: {node['trouble']};"
        restarts = sum(service["restarts"] for service in node["services"].values())
        names = " ".join(node["services"]) or "no services"
        lines.append(f"  {node['name']:9} {node['address']}  {ready}  {names}, {restarts} restarts")
    lines.append(f"  CoreDNS   {'ready' if found['dns_ready'] else 'not ready'}")
    answers = "answers" if found["registry"]["answers"] else "does not answer"
    lines.append(f"  registry  {found['registry']['address']} {answers}")
    running = "running" if found["outside"]["running"] else "not running"
    lines.append(f"  outside   {found['outside']['address']} {running}")
    lines.append(f"  kubectl   export KUBECONFIG={found['kubeconfig']}")
    return "\n".join(lines) + "\n"


def _node(layout: Layout, number: int) -> dict[str, Any]:
    name = layout.node_name(number)
    services: dict[str, Any] = {}
    try:
        services = nodes.ask(layout, number, {"list": {}})
        trouble = cluster.node_trouble(Api(layout), name) if services else "it has no services"
    except (DevClusterError, ApiError, OSError) as error:
        trouble = str(error)
    return {
        "name": name,
        "address": layout.node_ip(number),
        "ready": trouble is None,
        "trouble": trouble,
        "services": services,
    }


def _safe_dns(layout: Layout) -> bool:
    try:
        return cluster.dns_ready(Api(layout))
    except (ApiError, OSError):
        return False
