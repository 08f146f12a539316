"""PURE: why the node's own pods are not ready, for a person who looks at runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from node_poc.runs.times import event_time

Object = Mapping[str, Any]

_READY = "Ready"


def is_ready(found: Object) -> bool:
    """Return whether a pod or a machine is ready, by its conditions."""
    conditions = found.get("status", {}).get("conditions") or []
    return any(each.get("type") == _READY and each.get("status") == "True" for each in conditions)


def tell_unready(pod: Object, events: list[dict[str, Any]], namespace: str) -> str:
    """Return a sentence about a pod that is not ready: its name, the reason, and where to look.

    Args:
        pod: the pod of the node or of its proxy.
        events: the Events about the pod, in any order.
        namespace: the pod's namespace.
    """
    name = pod["metadata"]["name"]
    said = list(_said(pod))
    warnings = sorted((x for x in events if x.get("type") == "Warning"), key=event_time)
    runs = any("running" in each.get("state", {}) for each in _containers(pod))
    if warnings and not runs:
        said.append(f"{warnings[-1].get('reason')}: {warnings[-1].get('message')}")
    look = f"kubectl -n {namespace} describe pod {name}"
    if runs:
        look = f"kubectl -n {namespace} logs {name}"
    return f"pod {name} is not ready ({'; '.join(said) or 'nothing is said'}); `{look}` tells more"


def _containers(pod: Object) -> list[dict[str, Any]]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _said(pod: Object) -> Iterator[str]:
    yield str(pod.get("status", {}).get("phase") or "Unknown")
    for each in _containers(pod):
        state = each.get("state", {})
        reason = (state.get("waiting") or {}).get("reason")
        if reason and reason != "PodInitializing":
            yield f"{each['name']}: {reason}"
        ended = state.get("terminated") or {}
        if ended.get("exitCode"):
            yield f"{each['name']}: exit code {ended['exitCode']}"
